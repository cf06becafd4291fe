#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <utility>

#include "base/clock.h"
#include "codec/tree.h"

namespace imrelay {

// One REST call to a portal. `parameters` is a JSON object without the token.
struct Call {
  std::string method;  // "imconnector.register"
  std::string parameters = "{}";
};

// What to do about a call that failed. By the word in `error`, whatever the HTTP status, because
// the documentation and the source disagree about statuses. Sources: b24restdocs,
// settings/oauth/error-codes.md and limits.md; rest/lib/oauthexception.php.
enum class Fault {
  kToken,      // expired_token, invalid_token: refresh, repeat once
  kMoved,      // a redirect: the portal was renamed; ask the authorization server where it is
  kLater,      // limits, 5xx, no answer, a broken one: repeat later
  kRemoved,    // application_not_found: the application is gone there
  kForbidden,  // scope, plan, rights, payment, portal_deleted: somebody has to act
  kPermanent,  // the call itself is wrong (error_argument, not_active_line …), or unknown words
};

struct CallError {
  Fault fault = Fault::kPermanent;
  std::string word;  // the server's, in lower case and fit for logs; "no_answer" when there is none
  std::string message;  // a sentence for people, without secrets
  // Not before this, where the server said so: Retry-After, or operating_reset_at of a method that
  // used up its time (OPERATION_TIME_LIMIT).
  std::optional<TimePoint> not_before = {};
  int status = 0;       // of the HTTP answer; 0: there was none
  bool unsent = false;  // the portal was not called at all: no token, no place in its rate
};

// The answer's JSON object (`result`, `time`, …), or why there is none. An answer of 200 that holds
// an error, nested in `result` or not, is that error.
template <class T>
class [[nodiscard]] CallResultOf : public tl::expected<T, CallError> {
 public:
  using tl::expected<T, CallError>::expected;
};
using CallResult = CallResultOf<Tree>;

inline tl::unexpected<CallError> FailCall(CallError error) {
  return tl::unexpected<CallError>(std::move(error));
}

}  // namespace imrelay
