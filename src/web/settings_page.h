#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "domain/ids.h"
#include "install/registrar.h"
#include "store/portal_store.h"
#include "store/report.h"
#include "web/http.h"
#include "web/page_texts.h"

namespace imrelay {

// What the settings page shows.
struct SettingsPage {
  Language language = Language::kEnglish;
  std::string ancestor;  // see PageFrame
  std::string path;      // where its forms go
  std::string page_token;
  std::string member_id;
  std::string connector_name;

  PortalStatus portal_status = PortalStatus::kActive;
  std::string domain;
  Registration registration;
  bool outdated = false;  // it was done with other settings than the present ones
  DeletionOutlook outlook;
  Table lines;  // of the report kLines; where no line was opened

  LineId line;                            // zero on the application's own page
  std::optional<LineStatus> line_status;  // none: see line_word
  std::string line_word;                  // why it is not known
  Table deletions;                        // of the report kDeletions

  // What became of the button that was pressed.
  struct Outcome {
    bool good = false;
    std::string text;
    std::vector<Step> steps;
  };
  std::optional<Outcome> outcome;

  struct Test {
    enum class State { kNone, kSent, kArrived, kFailed };
    State state = State::kNone;
    std::int64_t after = 0;  // the newest event when it began
    std::string word;        // of kFailed
  };
  Test test;
};

inline constexpr int kShownDeletions = 20;

Response SettingsAnswer(const SettingsPage& page);

}  // namespace imrelay
