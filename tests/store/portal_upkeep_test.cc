#include <doctest/doctest.h>

#include <vector>

#include "tests/store/portal_bench.h"

// What keeps portals working: upkeep, registration, lines, sealing anew.

namespace imrelay {
namespace {

using Bench = PortalBench;
using std::chrono::hours;
using std::chrono::seconds;

TEST_CASE("portal_store: upkeep is due after an installation, the longest due first") {
  Bench bench;
  bench.Install("m1");
  bench.Install("m2");
  bench.Install("m3");
  bench.Post("m4", 'a');
  CHECK(bench.Due() == "m1 m2 ");

  REQUIRE(bench.portals().ScheduleUpkeep(bench.Access("m1"), bench.clock.Now() + seconds(9)));
  REQUIRE(bench.portals().ScheduleUpkeep(bench.Access("m2"), bench.clock.Now() + seconds(3)));
  CHECK(bench.Due() == "m3 ");
  REQUIRE(bench.portals().MarkDead(bench.Access("m3").id, 1, "x", bench.clock.Now()));
  CHECK(bench.Due() == "");
  bench.clock.Advance(seconds(9));
  CHECK(bench.Due() == "m2 m1 ");
  CHECK(bench.portals().ListAccess()->size() == 4);
}

TEST_CASE("portal_store: what was registered before a new installation is not recorded after it") {
  Bench bench;
  bench.Install("m1");
  const PortalAccess before = bench.Access();
  bench.clock.Advance(seconds(1));
  bench.Install("m1", 'b');

  REQUIRE(bench.portals().RecordRegistration(before, {"f1", {}, ""}, bench.clock.Now(),
                                             bench.clock.Now() + hours(24)));
  REQUIRE(bench.portals().ScheduleUpkeep(before, bench.clock.Now() + hours(24)));

  CHECK(bench.portals().FindRegistration(before.id)->fingerprint.empty());
  CHECK(bench.Due() == "m1 ");
}

TEST_CASE("portal_store: remembers what is registered; a failure leaves what was known") {
  Bench bench;
  bench.Install("m1");
  const PortalAccess access = bench.Access();
  const PortalId portal = access.id;
  const auto record = [&](const char* fingerprint, const char* problem, hours next) {
    REQUIRE(bench.portals().RecordRegistration(access, {fingerprint, {}, problem},
                                               bench.clock.Now(), bench.clock.Now() + next));
    return bench.portals().FindRegistration(portal).value();
  };
  const Registration never = bench.portals().FindRegistration(portal).value();
  CHECK(never.fingerprint.empty());
  CHECK_FALSE(never.done_at);

  const Registration failed = record("f1", "access_denied", hours(1));
  CHECK(failed.fingerprint.empty());
  CHECK_FALSE(failed.done_at);
  CHECK(failed.problem == "access_denied");
  CHECK(bench.Due() == "");
  bench.clock.Advance(hours(1));
  CHECK(bench.Due() == "m1 ");

  const TimePoint done_at = bench.clock.Now();
  const Registration done = record("f1", "", hours(24));
  CHECK(done.fingerprint == "f1");
  CHECK(done.done_at == done_at);
  CHECK(done.problem.empty());

  bench.clock.Advance(hours(24));
  const Registration again = record("f2", "away", hours(1));
  CHECK(again.fingerprint == "f1");
  CHECK(again.done_at == done_at);
  CHECK(again.problem == "away");

  // A new installation knows of nothing: Bitrix24 forgets what the former one had registered.
  bench.Install("m1", 'b');
  CHECK(bench.portals().FindRegistration(portal)->fingerprint.empty());
  CHECK(bench.Due() == "m1 ");
}

TEST_CASE("portal_store: a line we switch shows so, and its event changes nothing more") {
  Bench bench;
  bench.Install("m1");
  const PortalId portal = bench.Access().id;
  const char* kLines = "SELECT connector, line_id, status FROM lines";
  const auto set = [&](bool active) {
    REQUIRE(
        bench.portals().SetLine(portal, ConnectorId("conn"), LineId(7), active, bench.clock.Now()));
  };

  set(true);
  CHECK(bench.Show(kLines) == "conn|7|active");
  set(false);
  CHECK(bench.Show(kLines) == "conn|7|disconnected");
  CHECK(bench.Do("m1", LineDisconnected{ConnectorId("conn"), LineId(7)}) ==
        "ignored: already_disconnected");
  CHECK(bench.Show("SELECT count(*) FROM deliveries WHERE kind = 'line.disconnected'") == "1");
  set(true);
  CHECK(bench.Show(kLines) == "conn|7|active");
}

TEST_CASE("portal_store: tells whether deletions of a portal can arrive") {
  Bench bench;
  bench.Install("m1");
  bench.Install("m2");
  CHECK(bench.portals().FindOutlook(bench.Access().id, bench.clock.Now())->sent == 0);
  REQUIRE(bench.Do("m1", Created(1)) == "accepted");
  REQUIRE(bench.Do("m1", Updated(2, {"a", "b"})) == "accepted");
  REQUIRE(bench.Do("m2", Created(3)) == "accepted");
  // Whose this was nobody knows.
  bench.clock.Advance(seconds(5));
  REQUIRE(bench.Do("m1", Deleted(4, {"d"})) == "accepted");

  bench.clock.Advance(std::chrono::minutes(59));
  // What was just sent may yet be confirmed.
  CHECK(bench.portals().FindOutlook(bench.Access().id, bench.clock.Now())->sent == 0);
  const TimePoint deleted_at = bench.clock.Now() - std::chrono::minutes(59);
  bench.clock.Advance(std::chrono::minutes(2));

  const DeletionOutlook outlook =
      bench.portals().FindOutlook(bench.Access().id, bench.clock.Now()).value();

  CHECK(outlook.sent == 3);
  CHECK(outlook.with_external_id == 2);
  CHECK(outlook.last_deletion_at == deleted_at);
  CHECK_FALSE(
      bench.portals().FindOutlook(bench.Access("m2").id, bench.clock.Now())->last_deletion_at);
}

TEST_CASE("portal_store: counts portals by status") {
  Bench bench;
  bench.Install("m1");
  bench.Install("m2");
  bench.Post("m3", 'a');
  REQUIRE(bench.portals().MarkDead(bench.Access("m2").id, 1, "x", bench.clock.Now()));

  const auto counts = bench.portals().CountPortals();

  REQUIRE(counts);
  CHECK(*counts == std::map<std::string, std::int64_t>{
                       {"active", 1}, {"dead", 1}, {"pending", 1}, {"uninstalled", 0}});
}

TEST_CASE("portal_store: seals everything anew, but nothing that others wrote meanwhile") {
  Bench bench;
  bench.Install("m1");
  bench.Post("m2", 'b');
  std::string asked;
  bool refreshed = false;
  const PortalStore::Reseal reseal = [&](const std::string& sealed, const std::string& purpose) {
    asked += purpose + '=' + sealed + ';';
    if (purpose == "refresh_token m1" && !refreshed) {
      refreshed = bench.Replace(bench.Access(), 1, "newer");
    }
    return Result<std::string>(sealed.starts_with("anew ") ? sealed : "anew " + sealed);
  };

  // Both tokens of m1 were read before its refresh.
  CHECK(bench.portals().ResealTokens(reseal) == 2);
  CHECK(asked ==
        "access_token m1=new access;refresh_token m1=new refresh;"
        "access_token m2=sealed access;refresh_token m2=sealed refresh;");
  CHECK(bench.Access().sealed_access_token == "access newer");
  CHECK(bench.Access().chain == 2);
  CHECK(bench.portals().ResealTokens(reseal) == 2);
  CHECK(bench.Access().sealed_access_token == "anew access newer");
  CHECK(bench.Access().sealed_refresh_token == "anew refresh newer");
  CHECK(bench.Access().chain == 2);
  CHECK(bench.portals().ResealTokens(reseal) == 0);
  CHECK(bench.Show("SELECT CAST(access_token AS TEXT), CAST(refresh_token AS TEXT) "
                   "FROM installation") == "anew sealed access|anew sealed refresh");
}

TEST_CASE("portal_store: what cannot be sealed anew ends it, and nothing is changed") {
  Bench bench;
  bench.Install("m1");
  const auto reseal = [](const std::string& sealed, const std::string& purpose) {
    if (purpose == "refresh_token m1") return Result<std::string>(Fail(ErrorCode::kInternal, "no"));
    return Result<std::string>("anew " + sealed);
  };

  CHECK_FALSE(bench.portals().ResealTokens(reseal).has_value());
  CHECK(bench.Access().sealed_access_token == "new access");
}

}  // namespace
}  // namespace imrelay
