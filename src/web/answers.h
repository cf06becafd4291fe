#pragma once

#include <optional>
#include <string_view>

#include "web/http.h"

namespace imrelay {

// `{"status":…}`, with the reason when there is one.
Response StatusAnswer(std::string_view status, std::string_view reason = {});

// The status with which the spooler answers a GET.
inline constexpr std::string_view kSpoolingStatus = "spooling";

// `{"status":"ok","probe":proof}`.
Response ProbeAnswer(std::string_view proof);

// `{"error":code,"message":sentence}`; `message` gets a capital and a full stop.
Response ErrorAnswer(int status, std::string_view code, std::string_view message);

// 405; `allow` names the methods the path takes ("GET, HEAD").
Response WrongMethodAnswer(std::string_view allow);

// What is wrong with a post before its body is looked at: 411, 413, 415 or 400; none when all is
// well.
struct Refusal {
  int status;
  std::string_view code;
  std::string_view message;
};
enum class TakenFormats { kFormAndJson, kJson };
std::optional<Refusal> RefuseUnread(const Request& request, TakenFormats formats);

// 503 with Retry-After.
Response UnavailableAnswer(std::string_view code, std::string_view message);
// 429 with Retry-After.
Response TooManyAnswer(std::string_view code, std::string_view message);

}  // namespace imrelay
