#include "app/ingest_files.h"

#include <unistd.h>

#include <atomic>
#include <string_view>
#include <utility>

#include "admin/table_text.h"
#include "codec/json.h"
#include "recovery/spooled_events.h"
#include "spool/files.h"

namespace imrelay {
namespace {

// Told of what no spool file says.
constexpr std::string_view kFirstWord = "imrelay-spool 1 ";

Result<std::string> ReadFile(const std::string& path) {
  if (access(path.c_str(), F_OK) != 0) return Fail(ErrorCode::kNotFound, "no such file");
  Result<std::optional<TakenSpool>> file = TakenSpool::Take(path);
  if (!file) return Fail(std::move(file).error());
  if (!*file) {
    return Fail(ErrorCode::kConflict,
                "it is being written or taken in; the worker takes it in by itself");
  }
  Result<std::string> content = (*file)->Read();
  if (!content) return content;
  if (!content->empty() && content->find(kFirstWord) == content->npos) {
    return Fail(ErrorCode::kInvalidArgument, "it is no spool file");
  }
  return content;
}

std::string TextOf(const std::string& path, const SpoolOutcome& outcome) {
  std::string text = Printable(path) + ": " + std::to_string(outcome.accepted) + " accepted, " +
                     std::to_string(outcome.duplicate) + " duplicate, " +
                     std::to_string(outcome.ignored) + " ignored, " +
                     std::to_string(outcome.refusals()) + " refused";
  std::string reasons;
  for (const auto& [reason, count] : outcome.refused) {
    reasons += (reasons.empty() ? " (" : ", ") + Printable(reason) + ' ' + std::to_string(count);
  }
  if (!reasons.empty()) text += reasons + ')';
  text += ", " + std::to_string(outcome.damaged.size()) + " damaged, " +
          std::to_string(outcome.later + outcome.waiting) + " to be taken in again\n";
  for (const SpoolOutcome::Place& damage : outcome.damaged) {
    text += "  damaged: " + std::to_string(damage.bytes) + " bytes at " +
            std::to_string(damage.offset) + '\n';
  }
  return text;
}

void WriteJson(JsonWriter& json, const std::string& path, const SpoolOutcome& outcome) {
  json.BeginObject().Key("file").String(path);
  json.Key("accepted").Integer(outcome.accepted).Key("duplicate").Integer(outcome.duplicate);
  json.Key("ignored").Integer(outcome.ignored).Key("refused").BeginObject();
  for (const auto& [reason, count] : outcome.refused) json.Key(reason).Integer(count);
  json.EndObject().Key("damaged").BeginArray();
  for (const SpoolOutcome::Place& damage : outcome.damaged) {
    json.BeginObject().Key("offset").Integer(static_cast<std::int64_t>(damage.offset));
    json.Key("bytes").Integer(static_cast<std::int64_t>(damage.bytes)).EndObject();
  }
  json.EndArray().Key("waits").Integer(outcome.later + outcome.waiting).EndObject();
}

}  // namespace

Output IngestFiles(Ingest& ingest, const std::set<std::string>& applications,
                   const std::vector<std::string>& files, OutputFormat format,
                   std::optional<Error>& away) {
  const SpooledEvents::Options options{applications};
  std::atomic<bool> stopped = false;
  Output output;
  JsonWriter json;
  json.BeginArray();
  for (const std::string& path : files) {
    const Result<std::string> content = ReadFile(path);
    if (!content) {
      const std::string& why = content.error().message;
      output.found = false;
      output.text += Printable(path) + ": not taken in: " + Printable(why) + '\n';
      json.BeginObject().Key("file").String(path).Key("error").String(why).EndObject();
      continue;
    }
    SpooledEvents events(ingest, options, stopped);
    events.Submit(*content);
    const SpoolOutcome outcome = events.Wait();
    if (outcome.away && !away) away = outcome.away;
    const bool well = outcome.is_settled() && outcome.refused.empty() && outcome.damaged.empty();
    output.found = output.found && well;
    output.text += TextOf(path, outcome);
    WriteJson(json, path, outcome);
  }
  json.EndArray();
  if (format == OutputFormat::kJson) output.text = json.Take() + '\n';
  return output;
}

}  // namespace imrelay
