#pragma once

#include <atomic>
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
#include "bitrix24/authorization_server.h"
#include "bitrix24/portal_calls.h"
#include "crypto/keyring.h"
#include "install/applications.h"
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
  TimePoint until;  // kPageTokenLife after the opening: who and with which right is then asked anew
};

// Which of our pages a form stands on.
struct PageName {
  std::string page;         // "install" or "settings"
  std::string application;  // of its path
};

// Tells who opened a page, and whether they may. Cookies do not live in frames of other sites, so
// what a page sends back is proven by a token in its form. The portal must belong to the
// application of the path. Thread-safe; calls servers, so it is kept away from the threads that
// take events.
class Visits {
 public:
  Visits(Store& store, PortalStore& portals, const Keyring& keyring,
         AuthorizationServer& authorization_server, PortalCalls& calls,
         const Applications& applications, const Clock& clock);

  // Proves the tokens as those of an ONAPPINSTALL: takes the installation in durably, and waits
  // `patience` for its proof. The visitor is then an administrator, and the portal active.
  // The same opening posted again (a reload) is admitted as by Admit.
  // Errors, with the reason: kUnauthenticated (the proof's word: not_admin, invalid_grant …; or
  // no_tokens, too_long; refresh_token_lost: proven, but the portal is dead); kConflict,
  // already_installed: a reload of what was proven, whose tokens are used up, of a portal that is
  // active; kUnavailable: not decided yet (the reason of the postponement, waiting, or
  // too_many_waiting where kProofsAwaited others wait), or the database is away; kRateLimited: too
  // many installations wait.
  Result<Visitor> Install(const PageOpening& opening, std::chrono::milliseconds patience);

  // Asks the portal, at the address we proved, whose the access token is (`profile`), and whether
  // that user, and the application the token was given to, may change connectors
  // (`imconnector.list`). Between these the authorization server is asked of which application and
  // portal the token is (`app.info`), for one address may have several portals (a box's own
  // authorization, a stand-in), and every application of a portal has tokens that it accepts.
  // Only the portal's answer is documented as a proof, so where the authorization server is away
  // or does not know the question, that alone decides.
  // A dead portal is healed first, as by Install, where the opening brings a refresh token; where
  // that fails, the portal is asked all the same, so that its people see what is wrong.
  // Errors: as Install, and kUnauthenticated with unknown_portal, uninstalled, other_application,
  // member_mismatch, not_allowed, or the word of who refuses the token; kUnavailable with
  // too_many_visits beyond kVisitsPerMinute of one portal, or not_configured.
  Result<Visitor> Admit(const PageOpening& opening, std::chrono::milliseconds patience);

  // A token for the forms of a page shown to `visitor`, good until visitor.until, and back: the
  // visitor has the same `until`, however often the page is shown anew.
  std::string Sign(const Visitor& visitor, const PageName& page) const;
  // Errors: kUnauthenticated (bad_page_token, page_token_expired, other_page).
  Result<Visitor> Verify(std::string_view page_token, const PageName& page) const;

  // Whose portal's page a token was once signed for, be it expired or another page's; none where it
  // is not ours. Enough to tell the portal why a form is refused, and for nothing else.
  std::optional<MemberId> SignedFor(std::string_view page_token) const;

 private:
  // Whether the opening was proven now, or is one that was decided before.
  enum class Proof { kFresh, kRepeated };
  // What a token of ours holds.
  struct Signed {
    PageName page;
    Visitor visitor;
  };

  Result<Proof> Prove(const PageOpening& opening, std::chrono::milliseconds patience);
  Result<PortalAccess> FindPortal(const PageOpening& opening);
  Result<Visitor> AskPortal(const PageOpening& opening);
  Status CheckOwner(const PageOpening& opening, const PortalAccess& portal);
  Visitor VisitorOf(const PageOpening& opening, std::int64_t user_id) const;
  bool MayAsk(PortalId portal);
  Result<Signed> Open(std::string_view page_token) const;

  Store& store_;
  PortalStore& portals_;
  const Keyring& keyring_;
  AuthorizationServer& authorization_server_;
  PortalCalls& calls_;
  const Applications& applications_;
  const Clock& clock_;
  std::atomic<int> awaited_ = 0;  // proofs
  std::mutex mutex_;
  std::map<PortalId, std::deque<TimePoint>> asked_;  // of the last minute
};

inline constexpr std::chrono::minutes kPageTokenLife{60};

// Bounds what forged openings can make us ask of a portal, which counts all calls from here
// together: two calls each, so they leave half of what it takes.
inline constexpr std::size_t kVisitsPerMinute = 30;

// How many callers may wait for a proof at a time. Forged openings can make each wait as long as
// the authorization server takes, and others are to be served meanwhile.
inline constexpr int kProofsAwaited = 2;

}  // namespace imrelay
