#pragma once

#include <string>
#include <vector>

#include "install/registrar.h"
#include "web/page_texts.h"

namespace imrelay {

// The steps of a registration as people think of them: the connector, the events, the offline
// queue, former addresses.
struct StepGroup {
  std::string kind;  // "connector", "event", "offline", "stale", or whatever a step begins with
  bool done = true;
  std::vector<Step> failed;
};

std::vector<StepGroup> GroupSteps(const std::vector<Step>& steps);

std::string SentenceOf(Language language, const StepGroup& group,
                       const std::string& connector_name);

// One reason why steps failed, with the steps that failed for it; `what` is empty where the
// group's own sentence says it.
struct StepFailure {
  std::string what;
  std::string why;
};
std::vector<StepFailure> ExplainFailures(Language language, const StepGroup& group);

}  // namespace imrelay
