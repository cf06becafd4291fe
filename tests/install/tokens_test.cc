#include "install/tokens.h"

#include <doctest/doctest.h>

#include "tests/install/tokens_bench.h"

namespace imrelay {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

struct Bench : TokensBench {
  Bench() { Restart(); }
};

TEST_CASE("tokens: a good access token is given out without asking anybody") {
  Bench bench;
  bench.InstallPortal();

  CHECK(bench.Get() == "access-0");
  bench.clock.Advance(minutes(59));
  CHECK(bench.Get() == "access-0");
  CHECK(bench.Refreshes() == 0);
}

TEST_CASE("tokens: one that runs out within a minute is refreshed, and the new pair kept") {
  Bench bench;
  bench.InstallPortal();
  bench.clock.Advance(minutes(59) + seconds(1));
  bench.Grant("1", "m1", "https://Renamed.example:8443/rest/");

  CHECK(bench.Get() == "access-1");

  CHECK(bench.http.Urls() == std::vector<std::string>{TokensBench::kTokenUrl});
  CHECK(bench.http.sent[0].body.find("refresh_token=refresh-0") != std::string::npos);
  CHECK(bench.http.sent[0].body.find("client_id=our-id") != std::string::npos);
  const PortalAccess row = bench.Row();
  CHECK(row.chain == 2);
  CHECK(row.domain == "renamed.example:8443");
  CHECK(row.client_endpoint == "https://Renamed.example:8443/rest/");
  CHECK(row.scope == "imopenlines");
  CHECK(row.server_endpoint == "https://auth.example");
  CHECK(row.tokens_granted_at == bench.clock.Now());
  CHECK(bench.RefreshTokenOfRow() == "refresh-1");
  CHECK(bench.Get() == "access-1");
  CHECK(bench.Refreshes() == 1);
}

TEST_CASE("tokens: a renewal gives the newer pair there is, else a new one") {
  Bench bench;
  bench.InstallPortal();
  bench.Grant("1");

  CHECK(bench.Renew(1) == "access-1");
  CHECK(bench.Renew(1) == "access-1");
  CHECK(bench.Refreshes() == 1);
  bench.Grant("2");
  CHECK(bench.Renew(2) == "access-2");
  CHECK(bench.Refreshes() == 2);
}

TEST_CASE("tokens: the server that granted the last pair is asked first") {
  Bench bench;
  AuthorizationServer both(bench.http, {"https://auth.example", "https://other.example"});
  bench.Accept(bench.Post("m1", 'a'), "m1", "access-0", "refresh-0", "https://portal.example/rest/",
               "https://other.example");
  Tokens tokens(bench.portals, bench.keyring, both, {{"", {"our-id", Secret("our-secret")}}},
                bench.path() + "-tokens", bench.clock);

  CHECK_FALSE(tokens.Renew(MemberId("m1"), 1));

  CHECK(bench.http.Urls() == std::vector<std::string>{"https://other.example/oauth/token/",
                                                      "https://auth.example/oauth/token/"});
}

TEST_CASE("tokens: the portal's own application asks for them") {
  Bench bench;
  bench.InstallPortal();
  REQUIRE(RawDatabase(bench.path()).Execute("UPDATE portal SET application = 'second'"));
  CHECK(bench.Renew(1) == "not_configured");
  CHECK(bench.Refreshes() == 0);
  bench.Restart({{"", {"our-id", Secret("our-secret")}}, {"second", {"id-2", Secret("secret-2")}}});
  bench.Grant("1");

  CHECK(bench.Renew(1) == "access-1");

  CHECK(bench.http.sent[0].body.find("client_id=id-2&client_secret=secret-2") != std::string::npos);
}

TEST_CASE("tokens: portals without tokens say why") {
  Bench bench;
  CHECK(bench.Get("m9") == "unknown_portal");
  bench.Post("m1", 'a');
  CHECK(bench.Get() == "not_installed");
  bench.InstallPortal("m2");
  REQUIRE(bench.Do("m2", PortalUninstalled{false}) == "accepted");
  CHECK(bench.Get("m2") == "uninstalled");
  CHECK(bench.tokens->Get(MemberId("m2")).error().code == ErrorCode::kNotFound);
}

TEST_CASE("tokens: a used up refresh token makes the portal dead, until an installation heals it") {
  Bench bench;
  bench.InstallPortal();
  bench.clock.Advance(hours(2));
  bench.http.Answer(TokensBench::kTokenUrl, 400, R"({"error":"invalid_grant"})");

  CHECK(bench.Get() == "token_dead");
  CHECK(bench.Row().status == PortalStatus::kDead);
  CHECK(bench.Row().dead_reason == "invalid_grant");
  const Result<Tokens::Access> dead = bench.tokens->Get(MemberId("m1"));
  REQUIRE_FALSE(dead);
  CHECK(dead.error().code == ErrorCode::kUnauthenticated);
  CHECK(dead.error().message.find("invalid_grant") != std::string::npos);
  CHECK(bench.Renew(1) == "token_dead");
  CHECK(bench.Refreshes() == 1);

  bench.Accept(bench.Post("m1", 'b'), "m1", "access-9", "refresh-9",
               "https://portal.example/rest/");
  CHECK(bench.Get() == "access-9");
}

TEST_CASE("tokens: what is wrong with us or passes leaves the portal alive") {
  struct Case {
    int status;
    const char* body;
    const char* word;
  };
  const Case cases[] = {
      {401, R"({"error":"invalid_client"})", "invalid_client"},
      {401, R"({"error":"wrong_client"})", "wrong_client"},
      {500, "<html>oops</html>", "unavailable: no_answer"},
      {503, R"({"error":"server_error"})", "unavailable: server_error"},
      {400, R"({"error":"PAYMENT_REQUIRED"})", "unavailable: payment_required"},
      {400, R"({"error":"invalid_request"})", "unavailable: invalid_request"},
      {200, R"({"access_token":"a"})", "unavailable: broken_answer"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.body);
    Bench bench;
    bench.InstallPortal();
    bench.clock.Advance(hours(2));
    bench.http.Answer(TokensBench::kTokenUrl, c.status, c.body);

    CHECK(bench.Get() == c.word);

    CHECK(bench.Row().status == PortalStatus::kActive);
    CHECK(bench.Row().chain == 1);
    bench.Grant("1");
    CHECK(bench.Get() == "access-1");
  }
}

TEST_CASE("tokens: a grant for another portal is refused") {
  Bench bench;
  bench.InstallPortal();
  bench.Grant("1", "somebody-else");

  CHECK(bench.Renew(1) == "unavailable: member_mismatch");

  CHECK(bench.Row().chain == 1);
  CHECK(bench.Row().status == PortalStatus::kActive);
}

TEST_CASE("tokens: a pair that cannot be kept is held and not used; the lock is held with it") {
  Bench bench;
  bench.InstallPortal();
  const std::string lock = bench.path() + "-tokens";
  bench.portals.away = true;
  bench.Grant("1");

  CHECK(bench.Renew(1) == "unavailable: ");
  CHECK(bench.Row().chain == 1);
  CHECK_FALSE(FileLock::Try(lock, bench.Row().id.value())->has_value());
  // Not even for the old token, which the refresh may have ended.
  CHECK(bench.Get() == "unavailable: ");
  CHECK(bench.Refreshes() == 1);

  bench.portals.away = false;
  CHECK(bench.Get() == "access-1");
  CHECK(bench.RefreshTokenOfRow() == "refresh-1");
  CHECK(FileLock::Try(lock, bench.Row().id.value())->has_value());
  CHECK(bench.Refreshes() == 1);
}

TEST_CASE("tokens: held pairs are committed when the database is back, whoever asks") {
  Bench bench;
  bench.InstallPortal();
  bench.portals.away = true;
  bench.Grant("1");
  REQUIRE(bench.Renew(1) == "unavailable: ");
  CHECK_FALSE(bench.tokens->CommitHeld().has_value());
  CHECK_FALSE(FileLock::Try(bench.path() + "-tokens", bench.Row().id.value())->has_value());

  bench.portals.away = false;
  const Result<bool> committed = bench.tokens->CommitHeld();

  REQUIRE(committed.has_value());
  CHECK_FALSE(*committed);
  CHECK(bench.RefreshTokenOfRow() == "refresh-1");
  CHECK(FileLock::Try(bench.path() + "-tokens", bench.Row().id.value())->has_value());
}

TEST_CASE("tokens: a held pair gives way to an installation that came meanwhile") {
  Bench bench;
  bench.InstallPortal();
  bench.portals.away = true;
  bench.Grant("1");
  REQUIRE(bench.Renew(1) == "unavailable: ");
  bench.portals.away = false;
  bench.Accept(bench.Post("m1", 'b'), "m1", "access-9", "refresh-9",
               "https://portal.example/rest/");

  CHECK(bench.Get() == "access-9");
  CHECK(bench.RefreshTokenOfRow() == "refresh-9");
  CHECK(FileLock::Try(bench.path() + "-tokens", bench.Row().id.value())->has_value());
}

TEST_CASE("tokens: what is held at the end is kept then") {
  Bench bench;
  bench.InstallPortal();
  bench.portals.away = true;
  bench.Grant("1");
  REQUIRE(bench.Renew(1) == "unavailable: ");
  bench.portals.away = false;

  bench.Restart();

  CHECK(bench.RefreshTokenOfRow() == "refresh-1");
  CHECK(bench.Get() == "access-1");
}

TEST_CASE("tokens: while many pairs are held no further one is asked for") {
  Bench bench;
  bench.portals.away = true;
  for (std::size_t i = 0; i <= kMaxHeldPairs; ++i) {
    const std::string member_id = "p" + std::to_string(i);
    bench.InstallPortal(member_id);
    bench.Grant("1", member_id);
    const std::string word = bench.WordOf(bench.tokens->Renew(MemberId(member_id), 1));
    CHECK(word == (i < kMaxHeldPairs ? "unavailable: " : "unavailable: tokens_held"));
  }
  CHECK(bench.Refreshes() == kMaxHeldPairs);
}

TEST_CASE("tokens: sealed with a key that is not there, they wait for the key") {
  Bench bench;
  bench.InstallPortal();
  const Keyring other = MakeKeyring(bench.path() + "-other");
  Tokens tokens(bench.portals, other, bench.server, {{"", {"our-id", Secret("our-secret")}}},
                bench.path() + "-tokens", bench.clock);

  CHECK(bench.WordOf(tokens.Get(MemberId("m1"))) == "unavailable: unknown_key");
  CHECK(bench.WordOf(tokens.Renew(MemberId("m1"), 1)) == "unavailable: unknown_key");
  CHECK(bench.Refreshes() == 0);
  CHECK(bench.Row().status == PortalStatus::kActive);
}

}  // namespace
}  // namespace imrelay
