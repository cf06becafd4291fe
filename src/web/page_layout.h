#pragma once

#include <string>
#include <string_view>

#include "web/http.h"
#include "web/page_texts.h"

namespace imrelay {

// What is around the body of a page.
struct PageFrame {
  enum class Script { kNone, kInstall, kSettings };
  Language language = Language::kEnglish;
  std::string title;
  // "https://some.bitrix24.com": the only one that may have the page in a frame; empty: nobody.
  std::string ancestor;
  Script script = Script::kNone;
  int status = 200;
};

// A whole page as an answer, with the headers that keep it from others: no script but ours and
// Bitrix24's, no form to elsewhere, no frame but the portal's, no cache. `body` is HTML.
Response PageAnswer(const PageFrame& frame, const std::string& body);

// A page that only tells something. `text` is not HTML.
Response NoticeAnswer(const PageFrame& frame, const std::string& text);

// What a GET of a page's path shows to people and to Bitrix24's probes. Costs no work.
Response PageProbeAnswer(std::string_view query);

// The origin of an address that the authorization server gave, as frame-ancestors takes it; empty
// when it has none.
std::string OriginOf(std::string_view client_endpoint);

}  // namespace imrelay
