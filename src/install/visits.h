#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "bitrix24/portal_calls.h"
#include "crypto/keyring.h"
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
  std::int64_t user_id = 0;  // zero where a proof told only that it is an administrator's
  std::string connector;
  LineId line;
  std::string language;
};

// Tells who opened a page, and whether they may. Cookies do not live in frames of other sites, so
// what a page sends back is proven by a token in its form. The portal must belong to the
// application of the path. Thread-safe; calls servers, so it is kept away from the threads that
// take events.
class Visits {
 public:
  Visits(Store& store, PortalStore& portals, const Keyring& keyring, PortalCalls& calls,
         const Clock& clock);

  // Proves the tokens as those of an ONAPPINSTALL: takes the installation in durably, and waits
  // `patience` for its proof. The visitor is then an administrator, and the portal active.
  // The same opening posted again (a reload) is admitted as by Admit.
  // Errors, with the reason: kUnauthenticated (the proof's word: not_admin, invalid_grant …; or
  // no_tokens, too_long); kUnavailable: not decided yet (the reason of the postponement, or
  // waiting), or the database is away; kRateLimited: too many installations wait.
  Result<Visitor> Install(const PageOpening& opening, std::chrono::milliseconds patience);

  // Asks the portal, at the address we proved, whose the access token is (`profile`), and whether
  // that user, and the application the token was given to, may change connectors
  // (`imconnector.list`): another application's token must not open ours to it. A dead portal is
  // healed first, as by Install, where the opening brings a refresh token. Errors: as Install, and
  // kUnauthenticated with unknown_portal, uninstalled, other_application, not_allowed;
  // kUnavailable with too_many_visits beyond kVisitsPerMinute of one portal.
  Result<Visitor> Admit(const PageOpening& opening, std::chrono::milliseconds patience);

  // A token for the forms of a page shown to `visitor`, good for kPageTokenLife, and back.
  std::string Sign(const Visitor& visitor) const;
  // Errors: kUnauthenticated (bad_page_token, page_token_expired).
  Result<Visitor> Verify(std::string_view page_token) const;

 private:
  // Whether the opening was proven now, or is one that was decided before.
  enum class Proof { kFresh, kRepeated };

  Result<Proof> Prove(const PageOpening& opening, std::chrono::milliseconds patience);
  Result<PortalAccess> FindPortal(const PageOpening& opening);
  Result<Visitor> AskPortal(const PageOpening& opening);
  bool MayAsk(PortalId portal);

  Store& store_;
  PortalStore& portals_;
  const Keyring& keyring_;
  PortalCalls& calls_;
  const Clock& clock_;
  std::mutex mutex_;
  std::map<PortalId, std::deque<TimePoint>> asked_;  // of the last minute
};

inline constexpr std::chrono::minutes kPageTokenLife{60};

// Bounds what forged openings can make us ask of a portal, which counts all calls from here
// together: two calls each, so they leave half of what it takes.
inline constexpr std::size_t kVisitsPerMinute = 30;

}  // namespace imrelay
