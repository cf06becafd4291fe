#include "web/steps.h"

#include <algorithm>
#include <string_view>

namespace imrelay {
namespace {

std::string_view KindOf(std::string_view what) { return what.substr(0, what.find(' ')); }

// What a step is about, in words where there are any: "event ONIMCONNECTORMESSAGEADD" is "new
// messages".
std::string ObjectOf(Language language, std::string_view what) {
  const std::size_t blank = what.find(' ');
  if (blank == std::string_view::npos) return {};
  const std::string object(what.substr(blank + 1));
  std::string key = "event_" + object;
  std::transform(key.begin(), key.end(), key.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return HasText(key) ? TextOf(language, key) : object;
}

}  // namespace

std::vector<StepGroup> GroupSteps(const std::vector<Step>& steps) {
  std::vector<StepGroup> groups;
  for (const Step& step : steps) {
    const std::string_view kind = KindOf(step.what);
    auto group = std::find_if(groups.begin(), groups.end(),
                              [kind](const StepGroup& known) { return known.kind == kind; });
    if (group == groups.end()) {
      groups.push_back({std::string(kind), true, {}});
      group = groups.end() - 1;
    }
    if (step.done) continue;
    group->done = false;
    group->failed.push_back(step);
  }
  return groups;
}

std::string SentenceOf(Language language, const StepGroup& group,
                       const std::string& connector_name) {
  std::string key = "step_" + group.kind;
  if (!HasText(key)) key = "step_other";
  return TextOf(language, group.done ? key : key + "_failed", {connector_name});
}

std::vector<StepFailure> ExplainFailures(Language language, const StepGroup& group) {
  std::vector<StepFailure> failures;
  for (const Step& step : group.failed) {
    const std::string why = Explain(language, step.word);
    const std::string what = ObjectOf(language, step.what);
    const auto same = std::find_if(failures.begin(), failures.end(),
                                   [&why](const StepFailure& known) { return known.why == why; });
    if (same == failures.end()) {
      failures.push_back({what, why});
    } else if (!what.empty()) {
      same->what.append(same->what.empty() ? "" : ", ").append(what);
    }
  }
  return failures;
}

}  // namespace imrelay
