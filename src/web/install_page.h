#pragma once

#include <string>
#include <vector>

#include "install/registrar.h"
#include "web/http.h"
#include "web/page_texts.h"

namespace imrelay {

// What the installation page shows.
struct InstallPage {
  Language language = Language::kEnglish;
  std::string ancestor;  // see PageFrame
  std::string path;      // where its form goes
  std::string page_token;
  std::string member_id;
  std::string connector_name;
  std::vector<Step> steps;  // of the registration
};

// Tells each step, and ends the installation in Bitrix24 when all of them were done; else offers
// to try again.
Response InstallAnswer(const InstallPage& page);

}  // namespace imrelay
