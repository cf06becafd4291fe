#include "http/retry_after.h"

#include <doctest/doctest.h>

#include <optional>
#include <string>

namespace imrelay {
namespace {

using std::chrono::milliseconds;

constexpr long long kNow = 784111777;  // Sun, 06 Nov 1994 08:49:37 GMT

std::optional<milliseconds> After(const std::string& header) {
  return RetryAfter(HttpResponse{429, {{"retry-after", header}}, ""}, FromUnixSeconds(kNow));
}

TEST_CASE("retry-after: is read in seconds and as a date") {
  CHECK(After("0") == milliseconds(0));
  CHECK(After("120") == milliseconds(120'000));
  CHECK(After("Sun, 06 Nov 1994 08:50:37 GMT") == milliseconds(60'000));
  CHECK(After("Sunday, 06-Nov-94 08:50:37 GMT") == milliseconds(60'000));
}

TEST_CASE("retry-after: stays between now and a day from now") {
  CHECK(After("86401") == milliseconds(86'400'000));
  CHECK(After("99999999999999999999999999") == milliseconds(86'400'000));
  CHECK(After("Sun, 06 Nov 1994 08:48:37 GMT") == milliseconds(0));
  CHECK(After("Mon, 06 Nov 2034 08:49:37 GMT") == milliseconds(86'400'000));
}

TEST_CASE("retry-after: what nobody understands is none") {
  CHECK(After("") == std::nullopt);
  CHECK(After("-5") == std::nullopt);
  CHECK(After("soon") == std::nullopt);
  CHECK(RetryAfter(HttpResponse{429, {}, ""}, FromUnixSeconds(kNow)) == std::nullopt);
}

}  // namespace
}  // namespace imrelay
