#include <doctest/doctest.h>

#include "store/sqlite/event_rows.h"
#include "tests/store/store_bench.h"

// The life of a posted installation in the store.

namespace imrelay {
namespace {

using std::chrono::seconds;

constexpr const char* kPortals = "SELECT member_id, status, installed_at FROM portals ORDER BY 1";
constexpr const char* kEvents = "SELECT member_id, event, status FROM events ORDER BY id";

std::optional<InstallationWork> Take(StoreBench& bench) {
  Result<std::optional<InstallationWork>> work = bench.store().TakeInstallation(bench.clock.Now());
  REQUIRE(work.has_value());
  return *std::move(work);
}

TEST_CASE("installations: a posted one makes a pending portal whose event waits") {
  StoreBench bench;

  CHECK(WordOf(bench.Add(bench.Request("m1", 'a'))) == "accepted");

  CHECK(bench.Show("SELECT * FROM portals") == "m1|NULL|NULL|pending|NULL|NULL|NULL|NULL");
  CHECK(bench.Show(kEvents) == "m1|ONAPPINSTALL|waiting");
  const Portal portal = bench.PortalOf("m1");
  CHECK(portal.status == PortalStatus::kPending);
  CHECK(!portal.token);
  REQUIRE(portal.waiting.size() == 1);
  CHECK(portal.waiting[0].token == StoreBench::Token('a'));
}

TEST_CASE("installations: the same post again is a duplicate") {
  StoreBench bench;
  const InstallationRequest request = bench.Request("m1", 'a');
  REQUIRE(WordOf(bench.Add(request)) == "accepted");

  CHECK(WordOf(bench.Add(request)) == "duplicate");

  CHECK(bench.PortalOf("m1").waiting.size() == 1);
  CHECK(bench.Show("SELECT count(*) FROM events") == "1");
}

TEST_CASE("installations: one that is due is handed out whole, until it is decided") {
  StoreBench bench;
  CHECK_FALSE(Take(bench));
  REQUIRE(WordOf(bench.Add(bench.Request("m1", 'a'))) == "accepted");

  const std::optional<InstallationWork> first = Take(bench);
  REQUIRE(first);
  CHECK(first->member_id.value() == "m1");
  CHECK(first->token == StoreBench::Token('a'));
  CHECK(first->sealed_access_token == "sealed access");
  CHECK(first->sealed_refresh_token == "sealed refresh");
  CHECK(first->server_endpoint == "https://auth.example/rest/");
  CHECK(first->ts == UnixSeconds(bench.clock.Now()));
  CHECK(first->received_at == bench.clock.Now());
  CHECK(first->attempts == 0);
  CHECK(!first->known_domain);
  CHECK_FALSE(first->refresh_was_sent);

  // Whoever took it may have been killed.
  const std::optional<InstallationWork> second = Take(bench);
  REQUIRE(second);
  CHECK(second->id == first->id);
  CHECK(second->attempts == 1);
}

TEST_CASE("installations: the portal belongs to the application proven last") {
  StoreBench bench;
  InstallationRequest request = bench.Request("m1", 'a');
  request.application = "shop";
  REQUIRE(WordOf(bench.Add(request)) == "accepted");
  const std::optional<InstallationWork> work = Take(bench);
  REQUIRE(work);
  CHECK(work->application == "shop");
  CHECK(bench.PortalOf("m1").application == "");

  bench.Accept(work->id, "m1");
  CHECK(bench.PortalOf("m1").application == "shop");
  bench.Install("m1", 'b');
  CHECK(bench.PortalOf("m1").application == "");
}

TEST_CASE("installations: one without an application_token leaves the portal's as it is") {
  StoreBench bench;
  bench.Install("m1", 'a');
  InstallationRequest request = bench.Request("m1", 'x');
  request.has_token = false;
  REQUIRE(WordOf(bench.Add(request)) == "accepted");
  const std::optional<InstallationWork> work = Take(bench);
  REQUIRE(work);

  bench.Accept(work->id, "m1");

  CHECK(bench.PortalOf("m1").token == StoreBench::Token('a'));
}

TEST_CASE("installations: one without tokens and ts comes back without them") {
  StoreBench bench;
  InstallationRequest request = bench.Request("m1", 'a');
  request.journal.ts.reset();
  request.sealed_refresh_token.clear();
  request.server_endpoint.clear();
  REQUIRE(WordOf(bench.Add(request)) == "accepted");

  const std::optional<InstallationWork> work = Take(bench);

  REQUIRE(work);
  CHECK(!work->ts);
  CHECK(work->sealed_refresh_token.empty());
  CHECK(work->server_endpoint.empty());
}

TEST_CASE("installations: a postponed one is due again at its time, the longest due first") {
  StoreBench bench;
  const InstallationId first = bench.Post("m1", 'a');
  bench.clock.Advance(seconds(1));
  const InstallationId second = bench.Post("m2", 'b');
  CHECK(Take(bench)->id == first);

  REQUIRE(WordOf(bench.store().PostponeInstallation(
              first, "away", bench.clock.Now() + std::chrono::milliseconds(1500))) == "done");
  CHECK(Take(bench)->id == second);
  REQUIRE(WordOf(bench.store().PostponeInstallation(second, "away",
                                                    bench.clock.Now() + seconds(9))) == "done");
  bench.clock.Advance(std::chrono::milliseconds(1499));
  CHECK_FALSE(Take(bench));
  bench.clock.Advance(std::chrono::milliseconds(1));
  CHECK(Take(bench)->id == first);
}

TEST_CASE("installations: a known portal's address is told to whoever proves another") {
  StoreBench bench;
  bench.Install("m1");
  bench.Post("m1", 'b');

  const std::optional<InstallationWork> work = Take(bench);
  CHECK(work->known_domain == "m1.example");
  CHECK_FALSE(work->token_is_proven);
}

TEST_CASE("installations: one whose token another one has proven is told so") {
  StoreBench bench;
  bench.Install("m1");
  bench.clock.Advance(seconds(1));
  bench.Post("m1", 'a');

  CHECK(Take(bench)->token_is_proven);
}

TEST_CASE("installations: a refresh token that may have left is remembered") {
  StoreBench bench;
  const InstallationId id = bench.Post("m1", 'a');

  REQUIRE(WordOf(bench.store().RecordRefreshSent(id, bench.clock.Now())) == "done");
  REQUIRE(WordOf(bench.store().PostponeInstallation(id, "away", bench.clock.Now())) == "done");

  const std::optional<InstallationWork> work = Take(bench);
  REQUIRE(work);
  CHECK(work->refresh_was_sent);
}

TEST_CASE("installations: a proven one makes the portal active and says so") {
  StoreBench bench;

  bench.Install("m1");

  CHECK(bench.Show("SELECT * FROM portals") ==
        "m1|m1.example|https://m1.example/rest/|active|imconnector,imopenlines|"
        "2026-03-17T12:00:00Z|NULL|2026-03-17T13:00:00Z");
  CHECK(bench.Show(kEvents) == "m1|ONAPPINSTALL|applied");
  CHECK(bench.Show("SELECT member_id, connector, line_id, kind, state FROM deliveries") ==
        "m1|NULL|NULL|portal.installed|pending");
  const Portal portal = bench.PortalOf("m1");
  CHECK(portal.status == PortalStatus::kActive);
  CHECK(portal.token == StoreBench::Token('a'));
  CHECK(!portal.previous_token);
  CHECK(portal.waiting.empty());
  CHECK(portal.installed_ts == UnixSeconds(bench.clock.Now()));
  CHECK_FALSE(Take(bench));
}

TEST_CASE("installations: one proven without a refresh token leaves the portal dead") {
  StoreBench bench;
  const InstallationId id = bench.Post("m1", 'a');
  ProvenInstallation proven;
  proven.client_endpoint = "https://m1.example/rest/";
  proven.domain = "m1.example";
  proven.sealed_access_token = "new access";

  REQUIRE(WordOf(bench.store().AcceptInstallation(id, proven, bench.clock.Now())) == "done");

  CHECK(bench.Show("SELECT status, scope, installed_at, token_expires_at FROM portals") ==
        "dead|NULL|2026-03-17T12:00:00Z|NULL");
  CHECK(bench.PortalOf("m1").status == PortalStatus::kDead);
}

TEST_CASE("installations: a portal's clock that runs ahead is not believed") {
  StoreBench bench;
  InstallationRequest request = bench.Request("m1", 'a');
  request.journal.ts = *request.journal.ts + 86400;
  REQUIRE(WordOf(bench.Add(request)) == "accepted");

  bench.Accept(Take(bench)->id, "m1");

  CHECK(bench.PortalOf("m1").installed_ts == UnixSeconds(bench.clock.Now()));
}

TEST_CASE("installations: a refused one takes its pending portal along and shows the claim") {
  StoreBench bench;
  const InstallationRequest request = bench.Request("forged", 'a');
  REQUIRE(WordOf(bench.Add(request)) == "accepted");
  const InstallationId id = Take(bench)->id;

  REQUIRE(WordOf(bench.store().RefuseInstallation(id, "invalid_grant", bench.clock.Now())) ==
          "done");

  CHECK(bench.Show("SELECT count(*) FROM portals") == "0");
  CHECK(bench.Show(kEvents) == "forged|ONAPPINSTALL|rejected");
  CHECK_FALSE(bench.store().FindPortal(MemberId("forged"))->has_value());
  // What was refused may come again.
  CHECK(WordOf(bench.Add(request)) == "accepted");
}

TEST_CASE("installations: a refused one leaves a known portal as it was") {
  StoreBench bench;
  bench.Install("m1");
  const std::string before = bench.Show("SELECT * FROM portals");
  bench.clock.Advance(seconds(60));
  const InstallationId forged = bench.Post("m1", 'f');

  REQUIRE(WordOf(bench.store().RefuseInstallation(forged, "member_mismatch", bench.clock.Now())) ==
          "done");

  CHECK(bench.Show("SELECT * FROM portals") == before);
  const Portal portal = bench.PortalOf("m1");
  CHECK(portal.token == StoreBench::Token('a'));
  CHECK(!portal.previous_token);
  CHECK(portal.waiting.empty());
  CHECK(bench.Show(kEvents) == "m1|ONAPPINSTALL|applied\nm1|ONAPPINSTALL|rejected");
  CHECK(bench.Show("SELECT count(*) FROM deliveries") == "1");
}

TEST_CASE("installations: a decided one is decided") {
  StoreBench bench;
  const InstallationId refused = bench.Post("m1", 'a');
  REQUIRE(WordOf(bench.store().RefuseInstallation(refused, "forged", bench.clock.Now())) == "done");
  bench.Accept(refused, "m1");
  CHECK(bench.Show("SELECT count(*) FROM portals") == "0");

  const InstallationId accepted = bench.Post("m1", 'a');
  bench.Accept(accepted, "m1");
  REQUIRE(WordOf(bench.store().RefuseInstallation(accepted, "late", bench.clock.Now())) == "done");
  REQUIRE(WordOf(bench.store().PostponeInstallation(accepted, "late", bench.clock.Now())) ==
          "done");
  CHECK(bench.Show(kPortals) == "m1|active|2026-03-17T12:00:00Z");
  CHECK_FALSE(Take(bench));
}

TEST_CASE("installations: after a new one the former token counts until it is forgotten") {
  StoreBench bench;
  bench.Install("m1", 'a');
  bench.clock.Advance(seconds(60));
  bench.Install("m1", 'b');

  Portal portal = bench.PortalOf("m1");
  CHECK(portal.token == StoreBench::Token('b'));
  CHECK(portal.previous_token == StoreBench::Token('a'));
  // The portal was installed all along.
  CHECK(bench.Show("SELECT count(*) FROM deliveries WHERE kind = 'portal.installed'") == "1");

  // With the same token once more, as a version update posts it.
  bench.Install("m1", 'b');
  CHECK(bench.PortalOf("m1").previous_token == StoreBench::Token('a'));

  Plan plan = bench.PlanOf("m1", {Created(1)});
  plan.forget_previous_token = true;
  REQUIRE(bench.Commit(plan) == "accepted");
  portal = bench.PortalOf("m1");
  CHECK(portal.token == StoreBench::Token('b'));
  CHECK(!portal.previous_token);
}

TEST_CASE("installations: every change of a portal makes older plans stale") {
  StoreBench bench;
  bench.Install("m1");

  Plan plan = bench.PlanOf("m1", {Created(1)});
  const InstallationId id = bench.Post("m1", 'b');
  CHECK(bench.Commit(plan) == "conflict");

  plan = bench.PlanOf("m1", {Created(1)});
  REQUIRE(WordOf(bench.store().RefuseInstallation(id, "forged", bench.clock.Now())) == "done");
  CHECK(bench.Commit(plan) == "conflict");

  plan = bench.PlanOf("m1", {Created(1)});
  bench.Install("m1", 'c');
  CHECK(bench.Commit(plan) == "conflict");

  plan = bench.PlanOf("m1", {Created(1)});
  REQUIRE(bench.Do("m1", PortalUninstalled{}) == "accepted");
  CHECK(bench.Commit(plan) == "conflict");

  plan = bench.PlanOf("m1", {Created(1)});
  REQUIRE(WordOf(bench.store().RemovePortal(MemberId("m1"), bench.clock.Now())) == "done");
  CHECK(bench.Commit(plan) == "conflict");
  CHECK(bench.Show("SELECT count(*) FROM messages") == "0");
}

TEST_CASE("installations: the newer one wins, in whatever order they are proven") {
  StoreBench bench;
  const InstallationId older = bench.Post("m1", 'a');
  bench.clock.Advance(seconds(1));
  const InstallationId newer = bench.Post("m1", 'b');

  bench.Accept(newer, "m1");
  bench.Accept(older, "m1");

  const Portal portal = bench.PortalOf("m1");
  CHECK(portal.token == StoreBench::Token('b'));
  CHECK(portal.waiting.empty());
  CHECK_FALSE(Take(bench));
}

TEST_CASE("installations: their number is bounded, of one portal and of all") {
  StoreBench bench;
  for (int i = 0; i < kMaxInstallationsOfPortal; ++i) {
    REQUIRE(WordOf(bench.Add(bench.Request("m1", 'a'))) == "accepted");
  }
  const std::int64_t revision = bench.PortalOf("m1").revision;

  CHECK(WordOf(bench.Add(bench.Request("m1", 'a'))) == "rate_limited");
  CHECK(bench.PortalOf("m1").revision == revision);

  // All but one of the others that fit.
  const int others = kMaxInstallations - kMaxInstallationsOfPortal - 1;
  REQUIRE(RawDatabase(bench.path())
              .Execute("INSERT INTO portal (portal_id, member_id) VALUES (1000, 'other');"
                       "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
                       "WHERE i < " +
                       std::to_string(others) +
                       ") INSERT INTO installation (event_id, portal_id, token_hash, "
                       "access_token, refresh_token, server_endpoint, received_at, due_at_ms) "
                       "SELECT 1, 1000, zeroblob(32), x'', x'', '', 0, 0 FROM n"));
  CHECK(WordOf(bench.Add(bench.Request("last", 'a'))) == "accepted");
  const std::string events = bench.Show("SELECT count(*) FROM events");
  CHECK(WordOf(bench.Add(bench.Request("late", 'a'))) == "rate_limited");
  // Nothing of what was turned away stays.
  CHECK(bench.Show("SELECT count(*) FROM portals WHERE member_id = 'late'") == "0");
  CHECK(bench.Show("SELECT count(*) FROM events") == events);
}

TEST_CASE("installations: of the refused events only the newest are kept") {
  StoreBench bench;
  bench.Install("m1");
  REQUIRE(bench.Do("m1", Created(1)) == "accepted");

  for (int i = 0; i < kMaxRejectedEvents + 3; ++i) {
    const InstallationId id = bench.Post("forged" + std::to_string(i), 'f');
    REQUIRE(WordOf(bench.store().RefuseInstallation(id, "forged", bench.clock.Now())) == "done");
  }

  CHECK(bench.Show("SELECT status, count(*) FROM events GROUP BY 1") ==
        "applied|2\nrejected|" + std::to_string(kMaxRejectedEvents));
  CHECK(bench.Show("SELECT member_id FROM events WHERE status = 'rejected' ORDER BY id LIMIT 1") ==
        "forged3");
}

}  // namespace
}  // namespace imrelay
