#include "install/prover.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "tests/install/prover_bench.h"

namespace imrelay {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

TEST_CASE("prover: accepts what the authorization server and the portal confirm") {
  Bench bench;
  const InstallationId id = bench.Post("m1", "posted-access", "posted-refresh");
  bench.http.Answer(kToken, 200, GrantFor("m1"));
  bench.http.Answer(kProfile, 200, kAdmin);

  CHECK(bench.ProveOne());

  REQUIRE(bench.store[id].state == State::kAccepted);
  const ProvenInstallation& proven = bench.store[id].proven;
  CHECK(proven.client_endpoint == "https://Portal.example:8443/rest/");
  CHECK(proven.domain == "portal.example:8443");
  CHECK(proven.scope == "imopenlines");
  CHECK(proven.token_expires_at == FromUnixSeconds(1773752400));
  CHECK(bench.Opened("access_token", "m1", proven.sealed_access_token) == "access-1");
  CHECK(bench.Opened("refresh_token", "m1", proven.sealed_refresh_token) == "refresh-1");
  CHECK(bench.http.Urls() == std::vector<std::string>{kToken, kProfile});
  CHECK(bench.http.sent[0].body.find("refresh_token=posted-refresh") != std::string::npos);
  CHECK(bench.http.sent[1].body == R"({"auth":"access-1"})");
  CHECK_FALSE(bench.ProveOne());
}

TEST_CASE("prover: refuses what is not proven, and says why") {
  struct Case {
    const char* name;
    std::string grant;
    std::string profile;
    const char* reason;
  };
  const std::vector<Case> cases = {
      {"another portal's token", GrantFor("m2"), kAdmin, "member_mismatch"},
      {"not an administrator", GrantFor("m1"), R"({"result":{"ID":"7","ADMIN":false}})",
       "not_admin"},
      {"no word of administrators", GrantFor("m1"), R"({"result":{"ID":"7"}})", "not_admin"},
      {"a token that is used up", kInvalidGrant, kAdmin, "invalid_grant"},
      {"an unpaid application", R"({"error":"PAYMENT_REQUIRED"})", kAdmin, "payment_required"},
      {"a scope that is missing", GrantFor("m1"), R"({"error":"insufficient_scope"})",
       "insufficient_scope"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    Bench bench;
    const InstallationId id = bench.Post("m1", "posted-access", "posted-refresh");
    bench.http.Answer(kToken, 200, c.grant);
    bench.http.Answer(kProfile, 200, c.profile);
    bench.http.Answer(kAppInfo, 200, OwnerOf("m1"));

    CHECK(bench.ProveOne());

    CHECK(bench.store[id].state == State::kRefused);
    CHECK(bench.store[id].reason == c.reason);
  }
}

TEST_CASE("prover: asks nobody about an installation without a refresh token") {
  Bench bench;
  const InstallationId id = bench.Post("m1", "posted-access", "");

  CHECK(bench.ProveOne());

  CHECK(bench.store[id].state == State::kRefused);
  CHECK(bench.store[id].reason == "no_refresh_token");
  CHECK(bench.http.sent.empty());
}

TEST_CASE("prover: waits, sending nothing, while it has no id and secret of its own") {
  Bench bench;
  bench.Restart({{"", {"", Secret()}}});
  const InstallationId id = bench.Post("m1", "posted-access", "posted-refresh");

  CHECK(bench.ProveOne());

  CHECK(bench.store[id].state == State::kWaiting);
  CHECK(bench.store[id].reason == "not_configured");
  CHECK(bench.store[id].due == bench.clock.Now() + seconds(60));
  CHECK_FALSE(bench.store[id].work.refresh_was_sent);
  CHECK(bench.http.sent.empty());
}

TEST_CASE("prover: asks with the id and secret of the application it was posted to") {
  Bench bench;
  bench.Restart({{"", {"our-id", Secret("our-secret")}}, {"shop", {"shop-id", Secret("shop-s")}}});
  const InstallationId id = bench.Post("m1", "posted-access", "posted-refresh");
  bench.store[id].work.application = "shop";
  const InstallationId removed = bench.Post("m2", "posted-access", "posted-refresh");
  bench.store[removed].work.application = "desk";
  bench.http.Answer(kToken, 200, GrantFor("m1"));
  bench.http.Answer(kProfile, 200, kAdmin);

  CHECK(bench.ProveOne());
  CHECK(bench.ProveOne());

  CHECK(bench.store[id].state == State::kAccepted);
  CHECK(bench.http.sent.at(0).body.find("client_id=shop-id&client_secret=shop-s&") !=
        std::string::npos);
  CHECK(bench.store[removed].reason == "not_configured");
  CHECK(bench.http.sent.size() == 2);
}

TEST_CASE("prover: repeats with growing delays while the server is away, then goes on") {
  Bench bench;
  const InstallationId id = bench.Post("m1", "posted-access", "posted-refresh");
  std::vector<milliseconds> delays;

  for (int i = 0; i < 15; ++i) {
    REQUIRE(bench.ProveOne());
    delays.push_back(bench.store[id].due - bench.clock.Now());
    CHECK_FALSE(bench.ProveOne());  // not due yet
    bench.clock.Advance(delays.back());
  }
  bench.http.Answer(kToken, 200, GrantFor("m1"));
  bench.http.Answer(kProfile, 200, kAdmin);
  REQUIRE(bench.ProveOne());

  CHECK(bench.store[id].state == State::kAccepted);
  for (int i = 0; i < 15; ++i) {
    CAPTURE(i);
    const milliseconds full = std::min<milliseconds>(seconds(1 << i), hours(1));
    CHECK(delays[static_cast<std::size_t>(i)] <= full);
    CHECK(delays[static_cast<std::size_t>(i)] > full * 3 / 4);
  }
}

TEST_CASE("prover: waits when its own credentials are wrong: that is ours to mend") {
  Bench bench;
  const InstallationId id = bench.Post("m1", "posted-access", "posted-refresh");
  bench.http.Answer(kToken, 401, R"({"error":"invalid_client"})");

  CHECK(bench.ProveOne());

  CHECK(bench.store[id].state == State::kWaiting);
  CHECK(bench.store[id].reason == "invalid_client");
}

TEST_CASE("prover: gives up a week after the installation was posted, not before") {
  Bench bench;
  const InstallationId id = bench.Post("m1", "posted-access", "posted-refresh");

  bench.clock.Advance(kOldestInstallation);
  CHECK(bench.ProveOne());
  CHECK(bench.store[id].state == State::kWaiting);
  bench.clock.Advance(hours(1));
  CHECK(bench.ProveOne());

  CHECK(bench.store[id].state == State::kRefused);
  CHECK(bench.store[id].reason == "expired");
}

TEST_CASE("prover: keeps what a refresh brought while the portal is away") {
  Bench bench;
  const InstallationId id = bench.Post("m1", "posted-access", "posted-refresh");
  bench.http.Answer(kToken, 200, GrantFor("m1"));
  bench.http.Answer(kProfile, 502, "<html></html>");
  bench.http.Answer(kProfile, 200, kAdmin);

  CHECK(bench.ProveOne());
  CHECK(bench.store[id].state == State::kWaiting);
  bench.clock.Advance(seconds(1));
  CHECK(bench.ProveOne());

  REQUIRE(bench.store[id].state == State::kAccepted);
  CHECK(bench.Opened("refresh_token", "m1", bench.store[id].proven.sealed_refresh_token) ==
        "refresh-1");
  CHECK(bench.http.Urls() == std::vector<std::string>{kToken, kProfile, kProfile});
}

TEST_CASE("prover: renews what it kept for long with the token it kept") {
  Bench bench;
  const InstallationId id = bench.Post("m1", "posted-access", "posted-refresh");
  bench.http.Answer(kToken, 200, GrantFor("m1", "1"));
  bench.http.Answer(kToken, 200, GrantFor("m1", "2"));
  bench.http.Answer(kProfile, 502, "");
  bench.http.Answer(kProfile, 200, kAdmin);

  CHECK(bench.ProveOne());
  bench.clock.Advance(hours(2));
  CHECK(bench.ProveOne());

  REQUIRE(bench.store[id].state == State::kAccepted);
  CHECK(bench.Opened("refresh_token", "m1", bench.store[id].proven.sealed_refresh_token) ==
        "refresh-2");
  CHECK(bench.http.sent[2].body.find("refresh_token=refresh-1") != std::string::npos);
}

TEST_CASE("prover: keeps what a refresh brought while the database is away") {
  Bench bench;
  const InstallationId id = bench.Post("m1", "posted-access", "posted-refresh");
  bench.http.Answer(kToken, 200, GrantFor("m1"));
  bench.http.Answer(kProfile, 200, kAdmin);
  bench.http.Answer(kProfile, 200, kAdmin);
  bench.store.fail_grant = true;

  CHECK_FALSE(bench.prover->ProveOne().has_value());
  bench.store.fail_grant = false;
  bench.store.fail_accept = true;
  CHECK_FALSE(bench.prover->ProveOne().has_value());
  bench.store.fail_accept = false;
  CHECK(bench.ProveOne());

  REQUIRE(bench.store[id].state == State::kAccepted);
  CHECK_FALSE(bench.store[id].proven.sealed_refresh_token.empty());
}

TEST_CASE("prover: renews what it held for long while the database was away") {
  Bench bench;
  const InstallationId id = bench.Post("m1", "posted-access", "posted-refresh");
  bench.http.Answer(kToken, 200, GrantFor("m1", "1"));
  bench.http.Answer(kToken, 200, GrantFor("m1", "2"));
  bench.http.Answer(kProfile, 200, kAdmin);
  bench.store.fail_grant = true;
  CHECK_FALSE(bench.prover->ProveOne().has_value());

  bench.store.fail_grant = false;
  bench.clock.Advance(hours(2));
  CHECK(bench.ProveOne());

  REQUIRE(bench.store[id].state == State::kAccepted);
  CHECK(bench.Opened("refresh_token", "m1", bench.store[id].proven.sealed_refresh_token) ==
        "refresh-2");
  CHECK(bench.http.sent[1].body.find("refresh_token=refresh-1") != std::string::npos);
}

TEST_CASE("prover: sends no refresh token before that is on record") {
  Bench bench;
  bench.Post("m1", "posted-access", "posted-refresh");
  bench.store.fail_record = true;

  CHECK_FALSE(bench.prover->ProveOne().has_value());

  CHECK(bench.http.sent.empty());
}

TEST_CASE("prover: a crash while the portal is away loses no token") {
  Bench bench;
  const InstallationId id = bench.Post("m1", "posted-access", "posted-refresh");
  bench.http.Answer(kToken, 200, GrantFor("m1"));
  bench.http.Answer(kProfile, 502, "");
  bench.http.Answer(kProfile, 200, kAdmin);
  CHECK(bench.ProveOne());

  bench.Restart();
  bench.clock.Advance(minutes(1));
  CHECK(bench.ProveOne());

  REQUIRE(bench.store[id].state == State::kAccepted);
  CHECK(bench.Opened("refresh_token", "m1", bench.store[id].proven.sealed_refresh_token) ==
        "refresh-1");
}

TEST_CASE("prover: calls the configured server only, whatever the event named") {
  Bench bench;
  bench.Post("m1", "posted-access", "posted-refresh", "https://evil.example/rest/");

  CHECK(bench.ProveOne());

  CHECK(bench.http.Urls() == std::vector<std::string>{kToken});
}

TEST_CASE("prover: tokens that do not open wait for their key file") {
  Bench bench;
  const InstallationId id = bench.Post("m1", "posted-access", "posted-refresh");
  bench.store[id].work.member_id = MemberId("m2");

  CHECK(bench.ProveOne());

  CHECK(bench.store[id].state == State::kWaiting);
  CHECK(bench.http.sent.empty());
}

TEST_CASE("prover: begins only so many proofs in any minute") {
  Bench bench;
  for (int i = 0; i < kProofsPerMinute + 5; ++i) bench.Post("m", "access", "refresh");
  for (auto& [id, installation] : bench.store.installations) installation.work.attempts = 20;

  for (int i = 0; i < kProofsPerMinute; ++i) {
    bench.clock.Advance(milliseconds(100));
    CHECK(bench.ProveOne());
  }
  CHECK_FALSE(bench.ProveOne());
  CHECK(bench.http.sent.size() == static_cast<std::size_t>(kProofsPerMinute));
  bench.clock.Advance(minutes(1) - milliseconds(100) * (kProofsPerMinute - 1));

  CHECK(bench.ProveOne());
  CHECK_FALSE(bench.ProveOne());
}

TEST_CASE("prover: a clock that is set back does not stop it") {
  Bench bench;
  for (int i = 0; i < kProofsPerMinute + 5; ++i) bench.Post("m", "access", "refresh");
  for (int i = 0; i < kProofsPerMinute; ++i) CHECK(bench.ProveOne());

  bench.clock.Advance(-hours(1));

  CHECK(bench.ProveOne());
}

}  // namespace
}  // namespace imrelay
