#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "bitrix24/portal_calls.h"
#include "crypto/keyring.h"
#include "install/portal_api.h"
#include "store/portal_store.h"
#include "store/store.h"

namespace imrelay {

// What a browser posts when Bitrix24 opens one of our pages in a frame. All of it is claimed; its
// addresses are never called. Source: b24restdocs, settings/oauth/simple-way.md and
// widgets/_includes/widget_data.md.
struct PageOpening {
  std::string application;  // of the path
  MemberId member_id;
  Secret access_token;          // AUTH_ID
  Secret refresh_token;         // REFRESH_ID; may be absent
  Secret application_token;     // APPLICATION_TOKEN; current clouds only
  std::string server_endpoint;  // SERVER_ENDPOINT: a hint which authorization server to ask first
  std::string connector;  // of PLACEMENT_OPTIONS; lower case; empty on the application's own page
  LineId line;            // the same; zero when there is none
  std::string language;   // LANG: "ru", "en", …
};

// Somebody who proved to be a user of a portal that installed us, with the right to change the
// connector there.
struct Visitor {
  MemberId member_id;
  std::int64_t user_id = 0;
  std::string connector;
  LineId line;
  std::string language;
};

// Tells who opened a page, and whether they may. Cookies do not live in frames of other sites, so
// what a page sends back is proven by a token in its form. Thread-safe; calls servers, so it is
// kept away from the threads that take events.
class Visits {
 public:
  Visits(Store& store, PortalStore& portals, const Keyring& keyring, PortalCalls& calls,
         const Clock& clock);

  // Proves the tokens as those of an ONAPPINSTALL: takes the installation in durably, and waits
  // `patience` for its proof. The visitor is then an administrator, and the portal active.
  // The same opening posted again (a reload) is admitted as by Admit.
  // Errors, with the reason: kUnauthenticated (the proof's word: not_admin, invalid_grant …);
  // kUnavailable: not decided yet (the reason of the postponement), or the database is away.
  Result<Visitor> Install(const PageOpening& opening, std::chrono::milliseconds patience);

  // Asks the portal, at the address we proved, whose the access token is (`profile`), and, unless
  // an administrator's, whether that user may change connectors (`imconnector.list`). A dead portal
  // is healed first, as by Install, where the opening brings a refresh token. Errors: as Install,
  // and kUnauthenticated with unknown_portal, uninstalled, not_allowed.
  Result<Visitor> Admit(const PageOpening& opening, std::chrono::milliseconds patience);

  // A token for the forms of a page shown to `visitor`, good for kPageTokenLife, and back.
  std::string Sign(const Visitor& visitor) const;
  // Errors: kUnauthenticated (bad_page_token, page_token_expired).
  Result<Visitor> Verify(std::string_view page_token) const;

 private:
  Store& store_;
  PortalStore& portals_;
  const Keyring& keyring_;
  PortalCalls& calls_;
  const Clock& clock_;
};

inline constexpr std::chrono::minutes kPageTokenLife{60};

}  // namespace imrelay
