#include "bitrix24/portal_calls.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/fakes/fake_http_client.h"

namespace imrelay {
namespace {

constexpr const char* kEndpoint = "https://portal.example/rest/";
constexpr const char* kProfile = "https://portal.example/rest/profile";

Result<bool> Ask(FakeHttpClient& http, const std::string& endpoint = kEndpoint) {
  return PortalCalls(http).IsAdministrator(endpoint, Secret("the-token"));
}

TEST_CASE("portal calls: asks for the profile with the token in the body") {
  FakeHttpClient http;
  http.Answer(kProfile, 200, R"({"result":{"ID":"1","ADMIN":true},"time":{"start":1}})");

  const Result<bool> admin = Ask(http);

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

    const Result<bool> admin = Ask(http);

    REQUIRE(admin.has_value());
    CHECK(*admin == expected);
  }
}

TEST_CASE("portal calls: tells refusals from faults that pass, by the error's word") {
  struct Case {
    int status;
    const char* body;
    ErrorCode code;
    const char* reason;
  };
  const std::vector<Case> cases = {
      {401, R"({"error":"expired_token"})", ErrorCode::kUnauthenticated, "expired_token"},
      {401, R"({"error":"invalid_token"})", ErrorCode::kUnauthenticated, "invalid_token"},
      {403, R"({"error":"insufficient_scope"})", ErrorCode::kUnauthenticated, "insufficient_scope"},
      {401, R"({"error":"ACCESS_DENIED"})", ErrorCode::kUnauthenticated, "access_denied"},
      {401, R"({"error":"NO_AUTH_FOUND"})", ErrorCode::kUnauthenticated, "no_auth_found"},
      {500, R"({"error":"PORTAL_DELETED"})", ErrorCode::kUnauthenticated, "portal_deleted"},
      {200, R"({"error":"user_access_error"})", ErrorCode::kUnauthenticated, "user_access_error"},
      {400, R"({"error":"hostile\nword with <blanks>"})", ErrorCode::kUnauthenticated, "refused"},
      {400, R"({"error":{"a":"b"}})", ErrorCode::kUnauthenticated, "refused"},
      {503, R"({"error":"QUERY_LIMIT_EXCEEDED"})", ErrorCode::kUnavailable, "query_limit_exceeded"},
      {401, R"({"error":"OVERLOAD_LIMIT"})", ErrorCode::kUnavailable, "overload_limit"},
      {429, R"({"error":"OPERATION_TIME_LIMIT"})", ErrorCode::kUnavailable, "operation_time_limit"},
      {401, R"({"error":"CONNECTION_ERROR"})", ErrorCode::kUnavailable, "connection_error"},
      {500, R"({"error":"INTERNAL_SERVER_ERROR"})", ErrorCode::kUnavailable,
       "internal_server_error"},
      {502, "<html>Bad Gateway</html>", ErrorCode::kUnavailable, "no_answer"},
      {404, "<html>Not Found</html>", ErrorCode::kUnavailable, "no_answer"},
      {200, "", ErrorCode::kUnavailable, "no_answer"},
      {200, R"({"result":{"ADM)", ErrorCode::kUnavailable, "no_answer"},
      {302, "", ErrorCode::kUnavailable, "no_answer"},
      {404, R"({"result":{"ADMIN":true}})", ErrorCode::kUnavailable, "no_answer"},
      {200, R"({"result":true})", ErrorCode::kUnavailable, "broken_answer"},
      {200, R"({"time":1})", ErrorCode::kUnavailable, "broken_answer"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.body);
    FakeHttpClient http;
    http.Answer(kProfile, c.status, c.body);

    const Result<bool> admin = Ask(http);

    REQUIRE_FALSE(admin.has_value());
    CHECK(admin.error().code == c.code);
    CHECK(admin.error().reason == c.reason);
  }
}

TEST_CASE("portal calls: a network fault passes, an address that is refused does not") {
  FakeHttpClient http;
  http.FailWith(kProfile, ErrorCode::kUnavailable);
  http.FailWith(kProfile, ErrorCode::kInvalidArgument);

  const Result<bool> away = Ask(http);
  const Result<bool> refused = Ask(http);
  const Result<bool> no_address = Ask(http, "https://user@portal.example/rest/");

  REQUIRE_FALSE(away.has_value());
  CHECK(away.error().code == ErrorCode::kUnavailable);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == ErrorCode::kUnauthenticated);
  REQUIRE_FALSE(no_address.has_value());
  CHECK(no_address.error().code == ErrorCode::kUnauthenticated);
  CHECK(http.sent.size() == 2);
}

}  // namespace
}  // namespace imrelay
