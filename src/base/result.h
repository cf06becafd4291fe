#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace imrelay {

// Answers the two questions callers ask: which HTTP status, and is trying again of use?
enum class ErrorCode {
  kInvalidArgument,  // 400: the input is wrong and stays wrong
  kUnauthenticated,  // 403: nobody proved to be who they say
  kNotFound,         // 404
  kConflict,         // something else stands in the way
  kRateLimited,      // 429: repeat later
  kUnavailable,      // 503: the database or a server is away; repeat later
  kInternal,         // 500: our own fault
};

// A code, a sentence for people, and where an answer needs it a short word for programs.
// Neither ever holds a token or the text of a message.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
  std::string reason = {};  // "too_many_keys"; empty when the code says enough
};

// A value or an Error. Dropping one unread is a compile error.
template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
};

using Status = Result<void>;

inline tl::unexpected<Error> Fail(Error error) { return tl::unexpected<Error>(std::move(error)); }
inline tl::unexpected<Error> Fail(ErrorCode code, std::string message, std::string reason = {}) {
  return tl::unexpected<Error>(Error{code, std::move(message), std::move(reason)});
}

}  // namespace imrelay
