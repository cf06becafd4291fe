#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "tests/install/prover_bench.h"

namespace imrelay {
namespace {

using std::chrono::minutes;

TEST_CASE("prover: after a crash between answer and commit, the access token is the proof") {
  Bench bench;
  const InstallationId id = bench.Post("m1", "posted-access", "posted-refresh");
  bench.http.Answer(kToken, 200, GrantFor("m1"));
  bench.store.fail_grant = true;
  CHECK_FALSE(bench.prover->ProveOne().has_value());
  bench.store.fail_grant = false;
  bench.Restart();
  bench.clock.Advance(minutes(10));
  bench.http.Answer(kToken, 400, kInvalidGrant);
  bench.http.Answer(kAppInfo, 200, OwnerOf("m1"));
  bench.http.Answer(kOldProfile, 200, kAdmin);

  CHECK(bench.ProveOne());

  REQUIRE(bench.store[id].state == State::kAccepted);
  const ProvenInstallation& proven = bench.store[id].proven;
  CHECK(proven.sealed_refresh_token.empty());
  CHECK_FALSE(proven.token_expires_at.has_value());
  CHECK(proven.client_endpoint == "https://portal.example/rest/");
  CHECK(proven.domain == "portal.example");
  CHECK(bench.Opened("access_token", "m1", proven.sealed_access_token) == "posted-access");
}

TEST_CASE("prover: where app.info names no member_id, a known portal must be at its address") {
  const std::string owner = R"({"result":{"install":{"uri":"https://portal.example"}}})";
  struct Case {
    std::optional<std::string> known_domain;
    State state;
  };
  const std::vector<Case> cases = {{std::nullopt, State::kAccepted},
                                   {"portal.example", State::kAccepted},
                                   {"other.example", State::kRefused}};
  for (const Case& c : cases) {
    Bench bench;
    const InstallationId id = bench.Post("m1", "posted-access", "posted-refresh");
    bench.store[id].work.refresh_was_sent = true;
    bench.store[id].work.known_domain = c.known_domain;
    bench.http.Answer(kToken, 400, kInvalidGrant);
    bench.http.Answer(kAppInfo, 200, owner);
    if (c.state == State::kAccepted) bench.http.Answer(kOldProfile, 200, kAdmin);

    CHECK(bench.ProveOne());

    CHECK(bench.store[id].state == c.state);
  }
}

TEST_CASE("prover: the access token proves nothing of another portal or application") {
  struct Case {
    std::string owner;
    const char* profile;
    State state;
    const char* reason;
  };
  const std::vector<Case> cases = {
      {OwnerOf("m2"), kAdmin, State::kRefused, "member_mismatch"},
      {OwnerOf("m1", "other-id"), kAdmin, State::kRefused, "client_mismatch"},
      {R"({"result":{"client_id":"our-id","install":{"uri":"javascript:x","member_id":"m1"}}})",
       kAdmin, State::kRefused, "address_refused"},
      {OwnerOf("m1"), R"({"result":{"ADMIN":false}})", State::kRefused, "not_admin"},
      {"<html></html>", kAdmin, State::kWaiting, "no_answer"},
      {OwnerOf("m1"), "<html></html>", State::kWaiting, "no_answer"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.owner);
    CAPTURE(c.profile);
    Bench bench;
    const InstallationId id = bench.Post("m1", "posted-access", "posted-refresh");
    bench.store[id].work.refresh_was_sent = true;
    bench.http.Answer(kToken, 400, kInvalidGrant);
    bench.http.Answer(kAppInfo, 200, c.owner);
    bench.http.Answer(kOldProfile, 200, c.profile);

    CHECK(bench.ProveOne());

    CHECK(bench.store[id].state == c.state);
    CHECK(bench.store[id].reason == c.reason);
  }
}

TEST_CASE("prover: where both tokens may have ended with the lost answer, what waits is kept") {
  for (const char* word : {"expired_token", "invalid_token"}) {
    CAPTURE(word);
    Bench bench;
    const InstallationId id = bench.Post("m1", "posted-access", "posted-refresh");
    bench.store[id].work.refresh_was_sent = true;
    bench.http.Answer(kToken, 400, kInvalidGrant);
    bench.http.Answer(kAppInfo, 200, std::string(R"({"error":")") + word + "\"}");

    CHECK(bench.ProveOne());

    CHECK(bench.store[id].state == State::kWaiting);
    CHECK(bench.store[id].reason == "tokens_lost");

    bench.store[id].work.token_is_proven = true;  // by what an opened page brought
    bench.clock.Advance(minutes(10));
    bench.http.Answer(kToken, 400, kInvalidGrant);
    bench.http.Answer(kAppInfo, 200, std::string(R"({"error":")") + word + "\"}");

    CHECK(bench.ProveOne());

    CHECK(bench.store[id].state == State::kRefused);
  }
}

TEST_CASE("prover: without an access token there is nothing to fall back on") {
  Bench bench;
  const InstallationId id = bench.Post("m1", "", "posted-refresh");
  bench.store[id].work.refresh_was_sent = true;
  bench.http.Answer(kToken, 400, kInvalidGrant);

  CHECK(bench.ProveOne());

  CHECK(bench.store[id].state == State::kRefused);
  CHECK(bench.store[id].reason == "invalid_grant");
}

}  // namespace
}  // namespace imrelay
