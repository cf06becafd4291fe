#include "install/upkeep.h"

#include <doctest/doctest.h>

#include <functional>
#include <map>
#include <string>

#include "install/portal_api.h"
#include "tests/install/scripted_portal.h"
#include "tests/install/tokens_bench.h"

namespace imrelay {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

ConnectorSettings SettingsAt(const std::string& url) { return {"relay", "The relay", "", url}; }

struct Bench : TokensBench {
  Bench() { Restart(); }
  // A new process, perhaps with another configuration.
  void Restart(const std::string& url = "https://relay.example") {
    TokensBench::Restart();
    upkeep.reset();
    api.emplace(*tokens, calls, rate_limit, portals, clock,
                [this](milliseconds time) { clock.Advance(time); });
    registrar.emplace(*api, portals, SettingsAt(url), path() + "-tokens", clock);
    upkeep.emplace(portals, *tokens, *registrar, clock);
  }
  bool DoOne() {
    const Result<bool> done = upkeep->DoOne();
    REQUIRE(done.has_value());
    return *done;
  }
  // How often the connector was registered since it was asked last.
  int Registered() {
    const int now = portal.Count("imconnector.register");
    return now - std::exchange(counted, now);
  }
  Registration Known(const std::string& member_id = "m1") {
    return portals.FindRegistration(Row(member_id).id).value();
  }
  // Keeps the access token good, whatever was done to the clock.
  void KeepToken() {
    REQUIRE(RawDatabase(path()).Execute("UPDATE portal SET token_expires_at = 4000000000"));
  }

  ScriptedPortal portal;
  PortalCalls calls{portal, clock};
  RateLimit rate_limit{path() + "-calls", {1000, 1000}, clock};
  std::optional<PortalApi> api;
  std::optional<Registrar> registrar;
  std::optional<Upkeep> upkeep;
  int counted = 0;
};

TEST_CASE("upkeep: registers after an installation, at once and once") {
  Bench bench;
  CHECK_FALSE(bench.DoOne());
  bench.InstallPortal();

  CHECK(bench.DoOne());
  CHECK(bench.Registered() == 1);
  CHECK(bench.Known().fingerprint == bench.registrar->Fingerprint(""));
  CHECK(bench.Known().problem.empty());
  CHECK_FALSE(bench.DoOne());

  // Bitrix24 forgets everything when the application is installed again.
  bench.Accept(bench.Post("m1", 'b'), "m1", "access-1", "refresh-1",
               "https://portal.example/rest/");
  CHECK(bench.DoOne());
  CHECK(bench.Registered() == 1);
}

TEST_CASE("upkeep: looks after a portal every week") {
  Bench bench;
  bench.InstallPortal();
  REQUIRE(bench.DoOne());
  bench.KeepToken();
  bench.Registered();

  bench.clock.Advance(kUpkeepEvery * 3 / 4 - hours(1));
  CHECK_FALSE(bench.DoOne());
  bench.clock.Advance(kUpkeepEvery / 4 + hours(1));
  CHECK(bench.DoOne());
  CHECK(bench.Registered() == 1);
}

TEST_CASE("upkeep: another wanted registration is done at the next start") {
  Bench bench;
  bench.InstallPortal();
  REQUIRE(bench.DoOne());
  bench.Restart();
  CHECK_FALSE(bench.DoOne());
  bench.Registered();

  bench.Restart("https://moved.example");

  CHECK(bench.DoOne());
  CHECK(bench.Registered() == 1);
  for (const EventHandler& row : bench.portal.rows) {
    CHECK(row.url.find("relay.example") == std::string::npos);
  }
}

TEST_CASE("upkeep: what a former worker registers during an upgrade is found out") {
  Bench bench;
  bench.InstallPortal();
  REQUIRE(bench.DoOne());
  const Registration former{"another fingerprint", {}, ""};
  REQUIRE(bench.portals.RecordRegistration(bench.Row(), former, bench.clock.Now(),
                                           bench.clock.Now() + hours(24)));
  bench.KeepToken();
  CHECK_FALSE(bench.DoOne());

  bench.clock.Advance(hours(1));
  CHECK(bench.DoOne());
  CHECK(bench.Known().fingerprint == bench.registrar->Fingerprint(""));
}

TEST_CASE("upkeep: failures come back less and less often, and a mended one is done") {
  Bench bench;
  bench.InstallPortal();
  bench.KeepToken();
  bench.portal.faults["event.bind"] = {403, R"({"error":"insufficient_scope"})"};
  CHECK(bench.DoOne());
  CHECK(bench.Known().problem.find("insufficient_scope") != std::string::npos);
  bench.Registered();

  const TimePoint begun = bench.clock.Now();
  while (bench.clock.Now() < begun + hours(48)) {
    bench.clock.Advance(minutes(5));
    bench.DoOne();
  }
  const int tries = bench.Registered();
  CHECK(tries >= 8);
  CHECK(tries <= 24);

  bench.portal.faults.clear();
  bench.clock.Advance(kUpkeepEvery);
  CHECK(bench.DoOne());
  CHECK(bench.Known().problem.empty());
  CHECK_FALSE(bench.DoOne());
}

TEST_CASE("upkeep: what cannot be recorded is not done again and again") {
  Bench bench;
  bench.InstallPortal();
  REQUIRE(RawDatabase(bench.path())
              .Execute("CREATE TRIGGER full BEFORE UPDATE OF registration_problem ON portal "
                       "BEGIN SELECT RAISE(ABORT, 'full'); END"));
  static_cast<void>(bench.upkeep->DoOne());
  CHECK(bench.Registered() == 1);

  CHECK_FALSE(bench.DoOne());
  CHECK(bench.Registered() == 0);
}

TEST_CASE("upkeep: a new process tries at once what failed before") {
  Bench bench;
  bench.InstallPortal();
  bench.Restart("");
  CHECK(bench.DoOne());
  CHECK(bench.Known().problem.find("no_public_url") != std::string::npos);
  CHECK_FALSE(bench.DoOne());

  bench.Restart();
  CHECK(bench.DoOne());
  CHECK(bench.Known().problem.empty());
}

TEST_CASE("upkeep: renews the refresh token of a silent portal long before it ends") {
  Bench bench;
  bench.InstallPortal();
  REQUIRE(bench.DoOne());
  bench.KeepToken();
  bench.clock.Advance(kRenewAfter - hours(1));
  REQUIRE(bench.DoOne());
  CHECK(bench.Row().chain == 1);

  bench.clock.Advance(kUpkeepEvery);
  bench.Grant("1");
  CHECK(bench.DoOne());

  CHECK(bench.Row().chain == 2);
  CHECK(bench.Row().tokens_granted_at == bench.clock.Now());
  CHECK(bench.RefreshTokenOfRow() == "refresh-1");
  CHECK(bench.Known().problem.empty());
}

TEST_CASE("upkeep: a renewal that fails is tried again, and one that is refused ends it") {
  Bench bench;
  bench.InstallPortal();
  REQUIRE(bench.DoOne());
  bench.KeepToken();
  bench.clock.Advance(kRenewAfter + hours(1));
  bench.http.Answer(TokensBench::kTokenUrl, 500, "");
  CHECK(bench.DoOne());
  CHECK(bench.Row().status == PortalStatus::kActive);
  CHECK_FALSE(bench.DoOne());

  bench.clock.Advance(minutes(10));
  bench.http.Answer(TokensBench::kTokenUrl, 400, R"({"error":"invalid_grant"})");
  CHECK(bench.DoOne());
  CHECK(bench.Row().status == PortalStatus::kDead);
  bench.clock.Advance(hours(48));
  CHECK_FALSE(bench.DoOne());
}

TEST_CASE("upkeep: a portal that somebody has in hand is left to them") {
  Bench bench;
  bench.InstallPortal();
  Result<std::optional<FileLock>> lock =
      FileLock::Try(bench.path() + "-tokens", (std::int64_t{1} << 40) + bench.Row().id.value());
  REQUIRE(lock);
  REQUIRE(*lock);
  // Its time is up while it waits: this test's patience is the registrar's.
  CHECK(bench.DoOne());
  CHECK(bench.Registered() == 0);
  CHECK_FALSE(bench.DoOne());

  lock->reset();
  bench.clock.Advance(minutes(6));
  CHECK(bench.DoOne());
  CHECK(bench.Registered() == 1);
}

TEST_CASE("upkeep: portals that are not active are left alone") {
  Bench bench;
  bench.Post("m1", 'a');
  bench.InstallPortal("m2");
  REQUIRE(bench.Do("m2", PortalUninstalled{false}) == "accepted");
  bench.InstallPortal("m3");
  REQUIRE(bench.portals.MarkDead(bench.Row("m3").id, 1, "invalid_grant", bench.clock.Now()));

  CHECK_FALSE(bench.DoOne());
  CHECK(bench.portal.calls.empty());
}

}  // namespace
}  // namespace imrelay
