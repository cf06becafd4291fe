#include "bitrix24/portal_calls.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_http_client.h"

namespace imrelay {
namespace {

constexpr const char* kEndpoint = "https://portal.example/rest/";
constexpr const char* kProfile = "https://portal.example/rest/profile";

CallResultOf<bool> Ask(FakeHttpClient& http, const std::string& endpoint = kEndpoint) {
  const FakeClock clock;
  const CallResultOf<TokenUser> user =
      PortalCalls(http, clock).Profile(endpoint, Secret("the-token"));
  if (!user) return FailCall(user.error());
  return user->administrator;
}

TEST_CASE("portal calls: asks for the profile with the token in the body") {
  FakeHttpClient http;
  http.Answer(kProfile, 200, R"({"result":{"ID":"1","ADMIN":true},"time":{"start":1}})");

  const CallResultOf<bool> admin = Ask(http);

  REQUIRE(admin.has_value());
  CHECK(*admin);
  REQUIRE(http.sent.size() == 1);
  CHECK(http.sent[0].method == "POST");
  CHECK(http.sent[0].url == kProfile);
  CHECK(http.sent[0].headers.at("Content-Type") == "application/json");
  CHECK(http.sent[0].body == R"({"auth":"the-token"})");
}

TEST_CASE("portal calls: an endpoint without its last slash is the same endpoint") {
  FakeHttpClient http;
  http.Answer(kProfile, 200, R"({"result":{"ADMIN":true}})");

  CHECK(Ask(http, "https://portal.example/rest").value_or(false));
}

TEST_CASE("portal calls: only a clear yes makes an administrator") {
  const std::vector<std::pair<const char*, bool>> profiles = {
      {R"({"result":{"ADMIN":true}})", true},
      {R"({"result":{"ADMIN":"true"}})", true},
      {R"({"result":{"ADMIN":"1"}})", true},
      {R"({"result":{"ADMIN":1}})", true},
      {R"({"result":{"ADMIN":"Y"}})", true},
      {R"({"result":{"ADMIN":false}})", false},
      {R"({"result":{"ADMIN":"N"}})", false},
      {R"({"result":{"ADMIN":"0"}})", false},
      {R"({"result":{"ADMIN":""}})", false},
      {R"({"result":{"ID":"1"}})", false},
      {R"({"result":{"ID":1,"ADMIN":{"a":1}}})", false},
  };
  for (const auto& [body, expected] : profiles) {
    CAPTURE(body);
    FakeHttpClient http;
    http.Answer(kProfile, 200, body);

    const CallResultOf<bool> admin = Ask(http);

    REQUIRE(admin.has_value());
    CHECK(*admin == expected);
  }
}

TEST_CASE("portal calls: tells refusals from faults that pass, by the error's word") {
  struct Case {
    int status;
    const char* body;
    Fault fault;
    const char* reason;
  };
  const std::vector<Case> cases = {
      {401, R"({"error":"expired_token"})", Fault::kForbidden, "expired_token"},
      {401, R"({"error":"invalid_token"})", Fault::kForbidden, "invalid_token"},
      {403, R"({"error":"insufficient_scope"})", Fault::kForbidden, "insufficient_scope"},
      {401, R"({"error":"ACCESS_DENIED"})", Fault::kForbidden, "access_denied"},
      {401, R"({"error":"NO_AUTH_FOUND"})", Fault::kForbidden, "no_auth_found"},
      {500, R"({"error":"PORTAL_DELETED"})", Fault::kForbidden, "portal_deleted"},
      {200, R"({"error":"user_access_error"})", Fault::kForbidden, "user_access_error"},
      {400, R"({"error":"hostile\nword with <blanks>"})", Fault::kForbidden, "refused"},
      {400, R"({"error":{"a":"b"}})", Fault::kForbidden, "refused"},
      {503, R"({"error":"QUERY_LIMIT_EXCEEDED"})", Fault::kLater, "query_limit_exceeded"},
      {401, R"({"error":"OVERLOAD_LIMIT"})", Fault::kLater, "overload_limit"},
      {429, R"({"error":"OPERATION_TIME_LIMIT"})", Fault::kLater, "operation_time_limit"},
      {401, R"({"error":"CONNECTION_ERROR"})", Fault::kLater, "connection_error"},
      {500, R"({"error":"INTERNAL_SERVER_ERROR"})", Fault::kLater, "internal_server_error"},
      {502, "<html>Bad Gateway</html>", Fault::kLater, "no_answer"},
      {404, "<html>Not Found</html>", Fault::kLater, "no_answer"},
      {200, "", Fault::kLater, "no_answer"},
      {200, R"({"result":{"ADM)", Fault::kLater, "no_answer"},
      {302, "", Fault::kLater, "no_answer"},
      {404, R"({"result":{"ADMIN":true}})", Fault::kLater, "no_answer"},
      {200, R"({"result":true})", Fault::kLater, "broken_answer"},
      {200, R"({"time":1})", Fault::kLater, "broken_answer"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.body);
    FakeHttpClient http;
    http.Answer(kProfile, c.status, c.body);

    const CallResultOf<bool> admin = Ask(http);

    REQUIRE_FALSE(admin.has_value());
    CHECK(admin.error().fault == c.fault);
    CHECK(admin.error().word == c.reason);
  }
}

TEST_CASE("portal calls: a network fault passes, an address that is refused does not") {
  FakeHttpClient http;
  http.FailWith(kProfile, ErrorCode::kUnavailable);
  http.FailWith(kProfile, ErrorCode::kInvalidArgument);

  const CallResultOf<bool> away = Ask(http);
  const CallResultOf<bool> refused = Ask(http);
  const CallResultOf<bool> no_address = Ask(http, "https://user@portal.example/rest/");

  REQUIRE_FALSE(away.has_value());
  CHECK(away.error().fault == Fault::kLater);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().fault == Fault::kForbidden);
  REQUIRE_FALSE(no_address.has_value());
  CHECK(no_address.error().fault == Fault::kForbidden);
  CHECK(http.sent.size() == 2);
}

}  // namespace
}  // namespace imrelay
