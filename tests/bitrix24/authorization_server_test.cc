#include "bitrix24/authorization_server.h"

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

#include "tests/fakes/fake_http_client.h"

namespace imrelay {
namespace {

constexpr const char* kWest = "https://west.example";
constexpr const char* kEast = "https://east.example";
constexpr const char* kWestToken = "https://west.example/oauth/token/";
constexpr const char* kEastToken = "https://east.example/oauth/token/";
constexpr const char* kWestInfo = "https://west.example/rest/app.info";
constexpr const char* kGrant =
    R"({"access_token":"new-access","refresh_token":"new-refresh","member_id":"m1",)"
    R"("client_endpoint":"https://portal.example/rest/","scope":"imconnector,im",)"
    R"("domain":"west.example","expires":"1773764178","expires_in":3600})";
constexpr const char* kInvalidGrant = R"({"error":"invalid_grant","error_description":"x"})";
constexpr const char* kNotFound = R"({"error":"not_found"})";
constexpr const char* kUnpaid = R"({"error":"PAYMENT_REQUIRED"})";
constexpr const char* kInvalidClient = R"({"error":"invalid_client"})";

ApplicationCredentials Application() { return {"the id", Secret("s&cret=")}; }

Result<TokenGrant> Refresh(FakeHttpClient& http, const std::string& hint = {}) {
  AuthorizationServer server(http, {std::string(kWest) + "/", kEast});
  return server.Refresh(Application(), Secret("old+refresh"), hint);
}

TEST_CASE("refresh: posts the form and reads the grant") {
  FakeHttpClient http;
  http.Answer(kWestToken, 200, kGrant);

  const Result<TokenGrant> grant = Refresh(http);

  REQUIRE(grant.has_value());
  CHECK(grant->member_id == MemberId("m1"));
  CHECK(grant->client_endpoint == "https://portal.example/rest/");
  CHECK(grant->scope == "imconnector,im");
  CHECK(grant->access_token.Reveal() == "new-access");
  CHECK(grant->refresh_token.Reveal() == "new-refresh");
  CHECK(grant->expires == 1773764178);
  CHECK(grant->server == kWest);
  REQUIRE(http.sent.size() == 1);
  CHECK(http.sent[0].method == "POST");
  CHECK(http.sent[0].url == kWestToken);
  CHECK(http.sent[0].at_most_once);
  CHECK(http.sent[0].headers.at("Content-Type") == "application/x-www-form-urlencoded");
  CHECK(http.sent[0].body ==
        "grant_type=refresh_token&client_id=the%20id&client_secret=s%26cret%3D"
        "&refresh_token=old%2Brefresh");
}

TEST_CASE("refresh: repeats as GET only for a server that takes no POST") {
  FakeHttpClient http;
  http.Answer(kWestToken, 405, "<html>Method Not Allowed</html>");
  http.Answer(kWestToken, 200, kGrant);

  const Result<TokenGrant> grant = Refresh(http);

  REQUIRE(grant.has_value());
  REQUIRE(http.sent.size() == 2);
  CHECK(http.sent[1].method == "GET");
  CHECK(http.sent[1].url == std::string(kWestToken) + '?' + http.sent[0].body);
  CHECK(http.sent[1].body.empty());
  CHECK(http.sent[1].at_most_once);
}

TEST_CASE("refresh: tells refusals, faults that pass and our own configuration apart") {
  struct Case {
    int status;
    const char* body;
    ErrorCode code;
    const char* reason;
  };
  const std::vector<Case> cases = {
      {400, kInvalidGrant, ErrorCode::kUnauthenticated, "invalid_grant"},
      {200, kInvalidGrant, ErrorCode::kUnauthenticated, "invalid_grant"},
      {400, R"({"error":"INVALID_GRANT"})", ErrorCode::kUnauthenticated, "invalid_grant"},
      {400, R"({"error":"invalid_request"})", ErrorCode::kUnauthenticated, "invalid_request"},
      {400, R"({"error":"bad_verification_code"})", ErrorCode::kUnauthenticated,
       "bad_verification_code"},
      {400, R"({"error":"invalid_scope"})", ErrorCode::kUnauthenticated, "invalid_scope"},
      {400, R"({"error":"insufficient_scope"})", ErrorCode::kUnauthenticated, "insufficient_scope"},
      {400, R"({"error":"PAYMENT_REQUIRED"})", ErrorCode::kUnauthenticated, "payment_required"},
      {404, R"({"error":"not_found"})", ErrorCode::kUnauthenticated, "not_found"},
      {404, R"({"error":"Portal not found","error_description":"portal not found"})",
       ErrorCode::kUnauthenticated, "refused"},
      {404, "<html>Not Found</html>", ErrorCode::kUnavailable, "no_answer"},
      {401, kInvalidClient, ErrorCode::kInternal, "invalid_client"},
      {400, R"({"error":"WRONG_CLIENT"})", ErrorCode::kInternal, "wrong_client"},
      {429, R"({"error":"too_many"})", ErrorCode::kUnavailable, "too_many"},
      {503, R"({"error":"QUERY_LIMIT_EXCEEDED"})", ErrorCode::kUnavailable, "query_limit_exceeded"},
      {500, kInvalidGrant, ErrorCode::kUnavailable, "invalid_grant"},
      {500, "<html></html>", ErrorCode::kUnavailable, "no_answer"},
      {200, "", ErrorCode::kUnavailable, "no_answer"},
      {200, R"({"access_token":"a","refre)", ErrorCode::kUnavailable, "no_answer"},
      {302, "", ErrorCode::kUnavailable, "no_answer"},
      {200, R"({"refresh_token":"r","member_id":"m","client_endpoint":"https://p.example/rest/"})",
       ErrorCode::kUnavailable, "broken_answer"},
      {200, R"({"access_token":"a","member_id":"m","client_endpoint":"https://p.example/rest/"})",
       ErrorCode::kUnavailable, "broken_answer"},
      {200,
       R"({"access_token":"a","refresh_token":"r","client_endpoint":"https://p.example/rest/"})",
       ErrorCode::kUnavailable, "broken_answer"},
      {200, R"({"access_token":"a","refresh_token":"r","member_id":"m"})", ErrorCode::kUnavailable,
       "broken_answer"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.body);
    FakeHttpClient http;
    http.Answer(kWestToken, c.status, c.body);
    AuthorizationServer server(http, {kWest});

    const Result<TokenGrant> grant = server.Refresh(Application(), Secret("r"), "");

    REQUIRE_FALSE(grant.has_value());
    CHECK(grant.error().code == c.code);
    CHECK(grant.error().reason == c.reason);
  }
}

TEST_CASE("refresh: sends nothing without our own id and secret") {
  FakeHttpClient http;
  AuthorizationServer server(http, {kWest});

  const Result<TokenGrant> no_id = server.Refresh({"", Secret("s")}, Secret("r"), "");
  const Result<TokenGrant> no_secret = server.Refresh({"id", Secret()}, Secret("r"), "");

  REQUIRE_FALSE(no_id.has_value());
  CHECK(no_id.error().code == ErrorCode::kInternal);
  CHECK(no_id.error().reason == "not_configured");
  CHECK_FALSE(no_secret.has_value());
  CHECK(http.sent.empty());
}

TEST_CASE("refresh: asks the server that was named first, when it is one of ours") {
  for (const char* hint : {"https://east.example/rest/", "https://EAST.example:443/"}) {
    CAPTURE(hint);
    FakeHttpClient http;
    http.Answer(kEastToken, 200, kGrant);

    const Result<TokenGrant> grant = Refresh(http, hint);

    REQUIRE(grant.has_value());
    CHECK(grant->server == kEast);
    CHECK(http.Urls() == std::vector<std::string>{kEastToken});
  }
}

TEST_CASE("refresh: a server that is not ours gets nothing, whatever was named") {
  for (const char* hint :
       {"https://evil.example/rest/", "http://east.example/rest/", "https://east.example:8443/",
        "https://east.example@evil.example/", "https://east.example.evil.example/", "", "east"}) {
    CAPTURE(hint);
    FakeHttpClient http;

    CHECK_FALSE(Refresh(http, hint).has_value());

    CHECK(http.Urls() == std::vector<std::string>{kWestToken, kEastToken});
  }
}

TEST_CASE("the authorization server: a redirect is not followed, so the secret stays with ours") {
  for (const int status : {301, 302, 303, 307, 308}) {
    CAPTURE(status);
    FakeHttpClient http;
    const std::map<std::string, std::string> elsewhere = {{"location", "https://evil.example/"}};
    http.Answer(kWestToken, status, "", elsewhere);
    http.Answer(kWestInfo, status, "", elsewhere);
    AuthorizationServer server(http, {kWest});

    const Result<TokenGrant> grant = server.Refresh(Application(), Secret("r"), "");
    const Result<TokenOwner> owner = server.AppInfo(Secret("t"), "");

    REQUIRE_FALSE(grant.has_value());
    CHECK(grant.error().code == ErrorCode::kUnavailable);
    CHECK_FALSE(owner.has_value());
    CHECK(http.Urls() == std::vector<std::string>{kWestToken, kWestInfo});
    // What is not sent with the secret does not hold it either.
    CHECK(http.sent[1].body.find("cret") == std::string::npos);
  }
}

TEST_CASE("refresh: what several servers say comes to one answer") {
  struct Case {
    const char* west;  // null: away
    const char* east;
    bool granted;
    ErrorCode code;
    const char* reason;
  };
  const std::vector<Case> cases = {
      {kInvalidGrant, kGrant, true, {}, ""},
      {nullptr, kGrant, true, {}, ""},
      {kInvalidClient, kGrant, true, {}, ""},
      {kInvalidGrant, kUnpaid, false, ErrorCode::kUnauthenticated, "payment_required"},
      {kUnpaid, kInvalidGrant, false, ErrorCode::kUnauthenticated, "payment_required"},
      {kNotFound, kInvalidGrant, false, ErrorCode::kUnauthenticated, "invalid_grant"},
      {kInvalidGrant, kNotFound, false, ErrorCode::kUnauthenticated, "invalid_grant"},
      {kNotFound, kUnpaid, false, ErrorCode::kUnauthenticated, "payment_required"},
      {kInvalidGrant, nullptr, false, ErrorCode::kUnavailable, ""},
      {nullptr, kInvalidGrant, false, ErrorCode::kUnavailable, ""},
      {kInvalidClient, kInvalidGrant, false, ErrorCode::kUnauthenticated, "invalid_grant"},
      {kInvalidGrant, kInvalidClient, false, ErrorCode::kUnauthenticated, "invalid_grant"},
      {kInvalidClient, kInvalidClient, false, ErrorCode::kInternal, "invalid_client"},
      {kInvalidClient, nullptr, false, ErrorCode::kUnavailable, ""},
  };
  for (std::size_t i = 0; i < cases.size(); ++i) {
    CAPTURE(i);
    const Case& c = cases[i];
    FakeHttpClient http;
    if (c.west != nullptr) http.Answer(kWestToken, 200, c.west);
    if (c.east != nullptr) http.Answer(kEastToken, 200, c.east);

    const Result<TokenGrant> grant = Refresh(http);

    REQUIRE(grant.has_value() == c.granted);
    if (c.granted) continue;
    CHECK(grant.error().code == c.code);
    CHECK(grant.error().reason == c.reason);
  }
}

TEST_CASE("refresh: an address that may not be called is our own configuration") {
  FakeHttpClient http;
  http.FailWith(kWestToken, ErrorCode::kInvalidArgument);
  AuthorizationServer server(http, {kWest});

  const Result<TokenGrant> grant = server.Refresh(Application(), Secret("r"), "");

  REQUIRE_FALSE(grant.has_value());
  CHECK(grant.error().code == ErrorCode::kInternal);
}

TEST_CASE("app.info: names the token's portal, and its member_id and application where told") {
  struct Case {
    const char* body;
    std::optional<MemberId> member_id;
    std::optional<std::string> client_id;
  };
  const std::vector<Case> cases = {
      {R"({"result":{"client_id":"c","install":{"uri":"https://p.example","member_id":"m"}}})",
       MemberId("m"), "c"},
      {R"({"result":{"member_id":"m","install":{"uri":"https://p.example"}}})", MemberId("m"),
       std::nullopt},
      {R"({"result":{"install":{"uri":"https://p.example"}}})", std::nullopt, std::nullopt},
  };
  for (const Case& c : cases) {
    CAPTURE(c.body);
    FakeHttpClient http;
    http.Answer(kWestInfo, 200, c.body);
    AuthorizationServer server(http, {kWest});

    const Result<TokenOwner> owner = server.AppInfo(Secret("the-token"), "");

    REQUIRE(owner.has_value());
    CHECK(owner->portal_url == "https://p.example");
    CHECK(owner->member_id == c.member_id);
    CHECK(owner->client_id == c.client_id);
    REQUIRE(http.sent.size() == 1);
    CHECK(http.sent[0].body == R"({"auth":"the-token"})");
  }
}

TEST_CASE("app.info: refuses a dead token and waits for a whole answer") {
  FakeHttpClient http;
  http.Answer(kWestInfo, 401, R"({"error":"expired_token"})");
  http.Answer(kWestInfo, 200, R"({"result":{"install":{"installed":true}}})");
  AuthorizationServer server(http, {kWest});

  const Result<TokenOwner> dead = server.AppInfo(Secret("t"), "");
  const Result<TokenOwner> broken = server.AppInfo(Secret("t"), "");

  REQUIRE_FALSE(dead.has_value());
  CHECK(dead.error().code == ErrorCode::kUnauthenticated);
  CHECK(dead.error().reason == "expired_token");
  REQUIRE_FALSE(broken.has_value());
  CHECK(broken.error().code == ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace imrelay
