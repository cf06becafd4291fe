#pragma once

#include <chrono>

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
  PortalApi(Tokens& tokens, PortalCalls& calls, RateLimit& rate_limit, PortalStore& store,
            const Clock& clock);

  // Sends, waiting `patience` at most for its place and for repeats; with none, whatever would have
  // to wait is kLater with `not_before`. A call that may have been carried out although its answer
  // was lost is repeated too.
  // Errors besides the portal's: kForbidden with token_dead, uninstalled, unknown_portal or
  // not_configured; kLater when the authorization server or the database is away.
  CallResult Send(const MemberId& member_id, const Call& call, std::chrono::milliseconds patience);

 private:
  Tokens& tokens_;
  PortalCalls& calls_;
  RateLimit& rate_limit_;
  PortalStore& store_;
  const Clock& clock_;
};

}  // namespace imrelay
