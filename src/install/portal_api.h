#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "base/clock.h"
#include "bitrix24/call.h"
#include "bitrix24/portal_calls.h"
#include "bitrix24/rate_limit.h"
#include "domain/ids.h"
#include "install/tokens.h"

namespace imrelay {

// The one way a REST call goes out to a portal with the portal's own tokens: takes its place in the
// rate limit, refreshes once where the token is refused, asks the authorization server where the
// portal lives when it redirects (a Location is never believed), repeats what may be repeated.
// Thread-safe.
class PortalApi {
 public:
  // How it waits; sleeps unless told otherwise.
  using Pause = std::function<void(std::chrono::milliseconds)>;

  PortalApi(Tokens& tokens, PortalCalls& calls, RateLimit& rate_limit, PortalStore& store,
            const Clock& clock, Pause pause = nullptr);

  // Sends, waiting `patience` at most for its place and for repeats; with none, whatever would have
  // to wait is kLater, with `not_before` where the server or the rate limit tells it. A call that
  // may have been carried out although its answer was lost is repeated too. Errors besides the
  // portal's: kForbidden with token_dead, uninstalled, not_installed, unknown_portal,
  // not_configured or invalid_client; kLater when the authorization server or the database is away,
  // and instead of kToken and kMoved where a fresh token is refused or the portal redirects from
  // its present address. kRemoved: the portal is uninstalled here too by then.
  CallResult Send(const MemberId& member_id, const Call& call, std::chrono::milliseconds patience);

 private:
  struct Errand;
  using MethodOfPortal = std::pair<PortalId, std::string>;

  CallResult SendOnce(Errand& errand);
  CallResult SendAs(const Tokens::Access& access, const Errand& errand);
  CallResult Removed(const Tokens::Access& access, CallError error);
  // What an error says about the calls to come.
  void Note(const MethodOfPortal& method, const CallError& error);
  std::optional<TimePoint> BlockedUntil(const MethodOfPortal& method, TimePoint now);

  Tokens& tokens_;
  PortalCalls& calls_;
  RateLimit& rate_limit_;
  PortalStore& store_;
  const Clock& clock_;
  const Pause pause_;
  std::mutex mutex_;
  // Methods that used up their time (OPERATION_TIME_LIMIT), and until when.
  std::map<MethodOfPortal, TimePoint> blocked_;
};

}  // namespace imrelay
