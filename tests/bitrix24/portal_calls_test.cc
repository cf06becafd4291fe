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

CallResult SendCall(FakeHttpClient& http, const Call& call) {
  const FakeClock clock;
  return PortalCalls(http, clock).Send(kEndpoint, Secret("the-token"), call);
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
  for (const auto& profile : profiles) {
    const auto& body = profile.first;
    const auto expected = profile.second;
    CAPTURE(body);
    FakeHttpClient http;
    http.Answer(kProfile, 200, body);

    const CallResultOf<bool> admin = Ask(http);

    REQUIRE(admin.has_value());
    CHECK(*admin == expected);
  }
}

TEST_CASE("portal calls: a profile that says nothing is no profile") {
  for (const char* body : {R"({"result":true})", R"({"time":1})", R"({"result":[]})"}) {
    CAPTURE(body);
    FakeHttpClient http;
    http.Answer(kProfile, 200, body);

    const CallResultOf<bool> admin = Ask(http);

    REQUIRE_FALSE(admin.has_value());
    CHECK(admin.error().fault == Fault::kLater);
    CHECK(admin.error().word == "broken_answer");
  }
}

TEST_CASE("portal calls: sends the parameters with the token in front, and nothing else of it") {
  struct Case {
    Call call;
    const char* body;
  };
  const std::vector<Case> cases = {
      {{"event.get"}, R"({"auth":"the-token"})"},
      {{"event.get", R"({"a":{"b":[1,2]}})"}, R"({"auth":"the-token","a":{"b":[1,2]}})"},
  };
  for (const Case& c : cases) {
    FakeHttpClient http;
    http.Answer("https://portal.example/rest/event.get", 200, R"({"result":true})");

    CHECK(SendCall(http, c.call).has_value());

    REQUIRE(http.sent.size() == 1);
    CHECK(http.sent[0].body == c.body);
    CHECK(http.sent[0].url.find("the-token") == std::string::npos);
    for (const auto& [name, value] : http.sent[0].headers) {
      CHECK(value.find("the-token") == std::string::npos);
    }
  }
}

TEST_CASE("portal calls: sends nothing that is no call") {
  const std::vector<Call> calls = {
      {""},      {"a/b"},     {"../admin"}, {"a?b"},    {"a#b"},        {"A"},
      {".a"},    {"a..b"},    {"a b"},      {"a%2e"},   {"a\nb"},       {std::string(101, 'a')},
      {"a", ""}, {"a", "[]"}, {"a", "{"},   {"a", "x"}, {"a", "\"x\""},
  };
  for (const Call& call : calls) {
    CAPTURE(call.method);
    FakeHttpClient http;

    const CallResult answer = SendCall(http, call);

    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.error().fault == Fault::kPermanent);
    CHECK(http.sent.empty());
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
  CHECK(away.error().word == "no_answer");
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().fault == Fault::kForbidden);
  REQUIRE_FALSE(no_address.has_value());
  CHECK(no_address.error().fault == Fault::kForbidden);
  CHECK(http.sent.size() == 2);
}

}  // namespace
}  // namespace imrelay
