#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "codec/tree.h"
#include "domain/ids.h"

namespace imrelay {

// What a browser posts when Bitrix24 opens a page of an application in a frame. All of it is
// claimed. Sources: b24restdocs, settings/oauth/simple-way.md and widgets/_includes/widget_data.md.
struct PostedOpening {
  MemberId member_id;
  Secret access_token;          // AUTH_ID
  Secret refresh_token;         // REFRESH_ID; empty when absent
  Secret application_token;     // APPLICATION_TOKEN; current clouds only
  std::string server_endpoint;  // SERVER_ENDPOINT; current clouds only
  ConnectorId connector;        // of PLACEMENT_OPTIONS; empty on the application's own page
  LineId line;                  // the same; zero when there is none
  std::string language;         // LANG, in lower case: "ru", "en"; empty when absent
};

// What the form of a page of ours posts.
struct PostedAction {
  std::string page_token;
  MemberId member_id;      // claimed: the page_token names the true one
  std::string action;      // a word of ours; empty when absent
  std::int64_t after = 0;  // the newest event when a test began; zero when absent
  std::string language;    // as of PostedOpening
};

// Whether a post to a page is a form of that page.
bool IsPageAction(const Tree& body);

// `query` is the URL's, as sent. Values in the body win.
// Errors: kInvalidArgument, bad_opening: no member_id or no access token, or one that none has.
Result<PostedOpening> DecodeOpening(std::string_view query, const Tree& body);

// LANG of a query, as of PostedOpening.
std::string LanguageAskedFor(std::string_view query);

PostedAction DecodeAction(std::string_view query, const Tree& body);

}  // namespace imrelay
