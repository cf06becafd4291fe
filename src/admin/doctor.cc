#include "admin/doctor.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "admin/table_text.h"
#include "codec/json.h"

namespace imrelay {
namespace {

const char* WordOf(Finding::Level level) {
  switch (level) {
    case Finding::Level::kOk:
      return "ok";
    case Finding::Level::kWarn:
      return "warn";
    case Finding::Level::kFail:
      break;
  }
  return "fail";
}

std::string LineOf(const Finding& finding) {
  std::string line = WordOf(finding.level);
  line.resize(6, ' ');
  line += finding.check;
  if (!finding.subject.empty()) line += ' ' + finding.subject;
  line += ": " + finding.found;
  if (!finding.mended.empty()) line += "; --fix: " + finding.mended;
  if (!finding.mend.empty()) line += "; mend: " + finding.mend;
  const bool named = finding.mend.find("imrelay doctor --fix") != std::string::npos;
  if (finding.remedy && finding.mended.empty() && !named) line += " (or: imrelay doctor --fix)";
  return Printable(line) + '\n';
}

std::string TextOf(const Findings& findings) {
  std::string text;
  std::array<int, 3> count{};
  for (const Finding& finding : findings) {
    text += LineOf(finding);
    ++count[static_cast<std::size_t>(finding.level)];
  }
  return text + std::to_string(count[0]) + " ok, " + std::to_string(count[1]) + " warn, " +
         std::to_string(count[2]) + " fail\n";
}

std::string JsonOf(const Findings& findings) {
  JsonWriter json(true);
  json.BeginArray();
  const auto text = [&json](const char* name, const std::string& value) {
    json.Key(name);
    value.empty() ? json.Null() : json.String(value);
  };
  for (const Finding& finding : findings) {
    json.BeginObject().Key("level").String(WordOf(finding.level));
    json.Key("check").String(finding.check);
    text("subject", finding.subject);
    json.Key("found").String(finding.found);
    text("mend", finding.mend);
    json.Key("fixable").Bool(finding.remedy.has_value());
    text("mended", finding.mended);
    json.EndObject();
  }
  json.EndArray();
  return json.Take() + '\n';
}

// A remedy with what came of it.
struct Done {
  Remedy remedy;
  std::string said;
};

std::vector<Done> MendAll(const Findings& findings, const Mend& mend) {
  std::vector<Done> done;
  for (const Finding& finding : findings) {
    if (!finding.remedy) continue;
    const auto same = [&finding](const Done& d) { return d.remedy == *finding.remedy; };
    if (std::any_of(done.begin(), done.end(), same)) continue;
    Result<std::string> result = mend(*finding.remedy);
    done.push_back({*finding.remedy, result ? *result : "tried, " + result.error().message});
  }
  return done;
}

}  // namespace

Finding Ok(std::string check, std::string subject, std::string found) {
  return {Finding::Level::kOk, std::move(check), std::move(subject), std::move(found)};
}

Finding Warn(std::string check, std::string subject, std::string found, std::string mend,
             std::optional<Remedy> remedy) {
  return {Finding::Level::kWarn, std::move(check), std::move(subject),
          std::move(found),      std::move(mend),  std::move(remedy)};
}

Finding Broken(std::string check, std::string subject, std::string found, std::string mend,
               std::optional<Remedy> remedy) {
  return {Finding::Level::kFail, std::move(check), std::move(subject),
          std::move(found),      std::move(mend),  std::move(remedy)};
}

void Append(Findings& findings, Findings more) {
  findings.insert(findings.end(), std::make_move_iterator(more.begin()),
                  std::make_move_iterator(more.end()));
}

Findings Examine(const Check& check, const Mend& mend) {
  const Findings before = check();
  if (!mend) return before;
  const std::vector<Done> done = MendAll(before, mend);
  if (done.empty()) return before;
  Findings after = check();
  for (const Finding& finding : before) {
    if (!finding.remedy) continue;
    const auto what = std::find_if(done.begin(), done.end(), [&finding](const Done& d) {
      return d.remedy == *finding.remedy;
    });
    const auto now = std::find_if(after.begin(), after.end(), [&finding](const Finding& f) {
      return f.check == finding.check && f.subject == finding.subject && f.mended.empty();
    });
    if (now != after.end()) {
      now->mended = what->said;
    } else {
      // What was wrong is not spoken of any more.
      Finding gone = Ok(finding.check, finding.subject, "mended");
      gone.mended = what->said;
      after.push_back(std::move(gone));
    }
  }
  return after;
}

Output ShowFindings(const Findings& findings, OutputFormat format) {
  const bool broken = std::any_of(findings.begin(), findings.end(), [](const Finding& finding) {
    return finding.level == Finding::Level::kFail;
  });
  return {format == OutputFormat::kJson ? JsonOf(findings) : TextOf(findings), !broken};
}

}  // namespace imrelay
