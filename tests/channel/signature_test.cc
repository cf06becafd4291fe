#include "channel/signature.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "crypto/digest.h"

namespace imrelay {
namespace {

// The libraries' own test: standard-webhooks, libraries/javascript/src/webhook.test.ts.
constexpr const char* kSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
constexpr const char* kId = "msg_p5jXN8AQM9LWM0D4loKWxJek";
constexpr long long kTimestamp = 1614265330;
constexpr const char* kBody = "{\"test\": 2432232314}";
constexpr const char* kSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

Result<std::string> Sign(const std::vector<std::string>& secrets) {
  std::vector<Secret> list;
  for (const std::string& secret : secrets) list.emplace_back(secret);
  return WebhookSignature(list, kId, kTimestamp, kBody);
}

std::string SecretOf(std::size_t bytes) { return "whsec_" + Base64(std::string(bytes, 'k')); }

TEST_CASE("webhook signature: is the one of the Standard Webhooks libraries") {
  CHECK(Sign({kSecret}).value() == kSignature);
}

TEST_CASE("webhook signature: two secrets sign both, in their order") {
  const std::string other = Sign({SecretOf(32)}).value();

  CHECK(other != kSignature);
  CHECK(Sign({kSecret, SecretOf(32)}).value() == std::string(kSignature) + ' ' + other);
  CHECK(Sign({}).value() == "");
}

TEST_CASE("webhook signature: takes keys of 24 to 64 bytes and nothing else") {
  for (const std::string& secret : {SecretOf(24), SecretOf(64)}) CHECK(Sign({secret}).has_value());
  for (const std::string& secret :
       {SecretOf(23), SecretOf(65), std::string("whsec_"), std::string(""),
        std::string("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), std::string("whsec_not base64 at all!!"),
        std::string("whpk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")}) {
    const Result<std::string> signature = Sign({kSecret, secret});
    REQUIRE_FALSE(signature.has_value());
    CHECK(signature.error().code == ErrorCode::kInvalidArgument);
    CHECK(signature.error().message ==
          "a signing secret is not whsec_ and the base64 of 24 to 64 bytes");
  }
}

}  // namespace
}  // namespace imrelay
