#include <doctest/doctest.h>

#include "store/sqlite/event_rows.h"
#include "tests/store/store_bench.h"

// Events that wait for the proof of an installation.

namespace imrelay {
namespace {

constexpr const char* kEvents = "SELECT event, status FROM events ORDER BY id";

std::vector<WaitingEvent> Due(StoreBench& bench, int limit = 100) {
  Result<std::vector<WaitingEvent>> events = bench.store().WaitingEvents(limit);
  REQUIRE(events.has_value());
  return *std::move(events);
}

// What an ingest makes of a waiting event.
Plan Applied(StoreBench& bench, const WaitingEvent& event, std::vector<Change> changes) {
  Plan plan = bench.PlanOf(event.member_id.value(), std::move(changes));
  const EventKey key = plan.journal.key;
  plan.journal = event.journal;
  plan.journal.key = key;
  plan.waited = event.id;
  return plan;
}

void Wait(StoreBench& bench, const std::string& member_id, InstallationId id,
          const std::string& name) {
  Plan plan = bench.WaitingPlan(member_id, id);
  plan.journal.name = name;
  plan.journal.body = "body of " + name;
  REQUIRE(bench.Commit(plan) == "accepted");
}

void Refuse(StoreBench& bench, InstallationId id) {
  REQUIRE(WordOf(bench.store().RefuseInstallation(id, "forged", bench.clock.Now())) == "done");
}

TEST_CASE("waiting: an event is journalled, changes nothing and is known when it comes again") {
  StoreBench bench;
  const InstallationId id = bench.Post("m1", 'a');
  Plan plan = bench.WaitingPlan("m1", id);
  Plan again = plan;

  CHECK(bench.Commit(plan) == "accepted");
  CHECK(bench.Commit(again) == "duplicate");

  CHECK(bench.Show(kEvents) == "ONAPPINSTALL|waiting\nONTEST|waiting");
  CHECK(bench.Show("SELECT count(*) FROM deliveries") == "0");
  CHECK(Due(bench).empty());
}

TEST_CASE("waiting: after the proof events become due, oldest first, whole") {
  StoreBench bench;
  const InstallationId id = bench.Post("m1", 'a');
  Wait(bench, "m1", id, "FIRST");
  bench.clock.Advance(std::chrono::seconds(1));
  Wait(bench, "m1", id, "SECOND");
  Wait(bench, "m1", id, "THIRD");

  bench.Accept(id, "m1");

  const std::vector<WaitingEvent> due = Due(bench);
  REQUIRE(due.size() == 3);
  CHECK(due[0].journal.name == "FIRST");
  CHECK(due[1].journal.name == "SECOND");
  CHECK(due[2].journal.name == "THIRD");
  CHECK(due[1].member_id.value() == "m1");
  CHECK(due[1].journal.body == "body of SECOND");
  CHECK(due[1].journal.source == EventSource::kWebhook);
  CHECK(due[1].journal.received_at == bench.clock.Now());
  CHECK(due[1].journal.ts == UnixSeconds(bench.clock.Now()));
  CHECK(Due(bench, 2).size() == 2);
  CHECK(Due(bench, 2)[0].journal.name == "FIRST");
}

TEST_CASE("waiting: an event is applied once") {
  StoreBench bench;
  const InstallationId id = bench.Post("m1", 'a');
  Wait(bench, "m1", id, "FIRST");
  bench.Accept(id, "m1");
  const WaitingEvent event = Due(bench).at(0);
  const Plan plan = Applied(bench, event, {Created(1)});

  CHECK(bench.Commit(plan) == "accepted");
  CHECK(bench.Commit(plan) == "duplicate");

  CHECK(Due(bench).empty());
  CHECK(bench.Show(kEvents) == "ONAPPINSTALL|applied\nFIRST|applied");
  CHECK(bench.Show("SELECT count(*) FROM deliveries WHERE kind = 'message.created'") == "1");
}

TEST_CASE("waiting: an event takes the key that tells its copies") {
  StoreBench bench;
  const InstallationId id = bench.Post("m1", 'a');
  Wait(bench, "m1", id, "FIRST");
  Wait(bench, "m1", id, "SECOND");
  bench.Accept(id, "m1");
  const std::vector<WaitingEvent> due = Due(bench);
  REQUIRE(due.size() == 2);

  // A copy of the first comes after it was applied, one of the second before.
  const Plan first = Applied(bench, due[0], {Created(1)});
  REQUIRE(bench.Commit(first) == "accepted");
  Plan copy_of_first = bench.PlanOf("m1", {Created(1)});
  copy_of_first.journal.key = first.journal.key;
  CHECK(bench.Commit(copy_of_first) == "duplicate");

  const Plan copy_of_second = bench.PlanOf("m1", {Created(2)});
  REQUIRE(bench.Commit(copy_of_second) == "accepted");
  Plan second = Applied(bench, due[1], {Created(2)});
  second.journal.key = copy_of_second.journal.key;
  CHECK(bench.Commit(second) == "duplicate");

  CHECK(Due(bench).empty());
  CHECK(bench.Show("SELECT count(*) FROM messages") == "2");
  CHECK(bench.Show("SELECT event, status FROM events WHERE event <> 'ONAPPINSTALL' ORDER BY id") ==
        "FIRST|applied\nSECOND|ignored\nONTEST|applied");
}

TEST_CASE("waiting: an event of no use is ignored in the end") {
  StoreBench bench;
  const InstallationId id = bench.Post("m1", 'a');
  Wait(bench, "m1", id, "FIRST");
  Wait(bench, "m1", id, "SECOND");
  bench.Accept(id, "m1");
  const std::vector<WaitingEvent> due = Due(bench);
  REQUIRE(due.size() == 2);
  REQUIRE(bench.Do("m1", Deleted(1, {"a"})) == "accepted");

  Plan unusable = Applied(bench, due[0], {});
  unusable.ignored = true;
  unusable.journal.reason = "no_messages";
  CHECK(bench.Commit(unusable) == "ignored: no_messages");
  CHECK(bench.Commit(Applied(bench, due[1], {Created(1)})) == "ignored: message_deleted");

  CHECK(Due(bench).empty());
  CHECK(bench.Show("SELECT event, status FROM events WHERE event IN ('FIRST', 'SECOND')") ==
        "FIRST|ignored\nSECOND|ignored");
}

TEST_CASE("waiting: a refusal rejects the events and drops their bodies") {
  StoreBench bench;
  const InstallationId id = bench.Post("forged", 'a');
  Plan plan = bench.WaitingPlan("forged", id);
  plan.journal.body = "the text of somebody";
  REQUIRE(bench.Commit(plan) == "accepted");

  Refuse(bench, id);

  CHECK(Due(bench).empty());
  CHECK(bench.Show("SELECT member_id, event, status FROM events ORDER BY id") ==
        "forged|ONAPPINSTALL|rejected\nforged|ONTEST|rejected");
  ReportQuery query;
  query.what = ReportQuery::What::kEvent;
  query.event_id = 2;
  const Result<Table> shown = bench.store().Report(query);
  REQUIRE(shown.has_value());
  REQUIRE(shown->rows.size() == 1);
  CHECK(shown->columns.back() == "body");
  CHECK(!shown->rows[0].back().text);
  CHECK(shown->rows[0][6].text == "forged");
  // A plan made before the refusal finds no installation to wait for.
  CHECK(bench.Commit(plan) == "conflict");
}

TEST_CASE("waiting: events of another installation stay when one is refused") {
  StoreBench bench;
  const InstallationId forged = bench.Post("m1", 'f');
  const InstallationId genuine = bench.Post("m1", 'a');
  Wait(bench, "m1", forged, "FORGED");
  Wait(bench, "m1", genuine, "GENUINE");

  Refuse(bench, forged);
  bench.Accept(genuine, "m1");

  REQUIRE(Due(bench).size() == 1);
  CHECK(Due(bench)[0].journal.name == "GENUINE");
  CHECK(bench.Show("SELECT status FROM events WHERE event = 'FORGED'") == "rejected");
}

TEST_CASE("waiting: what waits for one installation is proven by another with its token") {
  StoreBench bench;
  const InstallationId first = bench.Post("m1", 'a');
  const InstallationId second = bench.Post("m1", 'a');
  Wait(bench, "m1", first, "FIRST");

  SUBCASE("the second is accepted") { bench.Accept(second, "m1"); }
  SUBCASE("the first is refused, then the second accepted") {
    Refuse(bench, first);
    CHECK(bench.Show("SELECT status FROM events WHERE event = 'FIRST'") == "waiting");
    bench.Accept(second, "m1");
  }
  SUBCASE("the second is accepted, then the first refused") {
    bench.Accept(second, "m1");
    Refuse(bench, first);
  }

  REQUIRE(Due(bench).size() == 1);
  CHECK(Due(bench)[0].journal.name == "FIRST");
}

TEST_CASE("waiting: what waits for all of a token's installations goes with the last") {
  StoreBench bench;
  const InstallationId first = bench.Post("m1", 'a');
  const InstallationId second = bench.Post("m1", 'a');
  Wait(bench, "m1", first, "FIRST");

  Refuse(bench, first);
  Refuse(bench, second);

  CHECK(bench.Show("SELECT DISTINCT status FROM events") == "rejected");
  CHECK(bench.Show("SELECT count(*) FROM portals") == "0");
}

TEST_CASE("waiting: what waited for an older installation is applied although a newer came first") {
  StoreBench bench;
  const InstallationId older = bench.Post("m1", 'a');
  Wait(bench, "m1", older, "OLD");
  const InstallationId newer = bench.Post("m1", 'b');
  bench.Accept(newer, "m1");
  REQUIRE(Due(bench).empty());

  bench.Accept(older, "m1");

  // It was answered as accepted, and it is proven to come from the portal.
  REQUIRE(Due(bench).size() == 1);
  CHECK(Due(bench)[0].journal.name == "OLD");
  CHECK(bench.Commit(Applied(bench, Due(bench)[0], {Created(1)})) == "accepted");
  CHECK(bench.PortalOf("m1").token == StoreBench::Token('b'));
  CHECK(bench.PortalOf("m1").waiting.empty());
}

TEST_CASE("waiting: the events of one installation are bounded in number") {
  StoreBench bench;
  const InstallationId id = bench.Post("m1", 'a');
  for (int i = 0; i < kMaxWaitingEvents; ++i) {
    REQUIRE(bench.Commit(bench.WaitingPlan("m1", id)) == "accepted");
  }

  CHECK(bench.Commit(bench.WaitingPlan("m1", id)) == "rate_limited");

  CHECK(bench.Show("SELECT count(*) FROM events") == std::to_string(kMaxWaitingEvents + 1));
}

TEST_CASE("waiting: the events of one installation are bounded in bytes") {
  StoreBench bench;
  const InstallationId id = bench.Post("m1", 'a');
  const auto plan_of = [&](std::int64_t bytes) {
    Plan plan = bench.WaitingPlan("m1", id);
    plan.journal.body.assign(static_cast<std::size_t>(bytes), 'x');
    return plan;
  };
  REQUIRE(bench.Commit(plan_of(kMaxWaitingBytes - 10)) == "accepted");

  CHECK(bench.Commit(plan_of(11)) == "rate_limited");
  CHECK(bench.Commit(plan_of(10)) == "accepted");
  CHECK(bench.Commit(plan_of(1)) == "rate_limited");
}

TEST_CASE("waiting: a chain of refused installations does not stretch the bounds") {
  StoreBench bench;
  const InstallationId first = bench.Post("m1", 'f');
  const InstallationId second = bench.Post("m1", 'f');
  for (int i = 0; i < kMaxWaitingEvents; ++i) {
    REQUIRE(bench.Commit(bench.WaitingPlan("m1", first)) == "accepted");
  }

  Refuse(bench, first);

  CHECK(bench.Show("SELECT count(*) FROM events WHERE status = 'waiting'") ==
        std::to_string(kMaxWaitingEvents + 1));
  CHECK(bench.Commit(bench.WaitingPlan("m1", second)) == "rate_limited");
}

TEST_CASE("waiting: a refused installation does not revive an uninstalled portal's token") {
  StoreBench bench;
  bench.Install("m1", 'a');
  REQUIRE(bench.Do("m1", PortalUninstalled{true}) == "accepted");
  const InstallationId replayed = bench.Post("m1", 'a');
  Wait(bench, "m1", replayed, "LATE");

  Refuse(bench, replayed);

  CHECK(Due(bench).empty());
  CHECK(bench.Show("SELECT status FROM events WHERE event = 'LATE'") == "rejected");
}

TEST_CASE("waiting: what waited behind an uninstallation is dropped with its body") {
  StoreBench bench;
  const InstallationId id = bench.Post("m1", 'a');
  Wait(bench, "m1", id, "UNINSTALL");
  Wait(bench, "m1", id, "LATE");
  bench.Accept(id, "m1");
  const std::vector<WaitingEvent> due = Due(bench);
  REQUIRE(due.size() == 2);
  REQUIRE(bench.Commit(Applied(bench, due[0], {PortalUninstalled{true}})) == "accepted");

  Plan late = Applied(bench, due[1], {Created(1)});
  late.only_known = true;
  CHECK(bench.Commit(late) == "ignored: uninstalled");

  CHECK(Due(bench).empty());
  CHECK(bench.Show("SELECT status FROM events WHERE event = 'LATE'") == "ignored");
  bench.FinishErasures();
  CHECK(bench.Show("SELECT count(*) FROM event WHERE body IS NOT NULL") == "0");
  CHECK(bench.Show("SELECT count(*) FROM messages") == "0");
}

TEST_CASE("waiting: an uninstallation ends what was installed before it") {
  StoreBench bench;
  bench.Install("m1", 'a');
  const InstallationId older = bench.Post("m1", 'b');
  Wait(bench, "m1", older, "BEFORE");
  bench.clock.Advance(std::chrono::seconds(2));

  REQUIRE(bench.Do("m1", PortalUninstalled{true}) == "accepted");

  CHECK(bench.Show("SELECT count(*) FROM installation") == "0");
  CHECK(bench.Show("SELECT status FROM events WHERE event = 'BEFORE'") == "rejected");
  CHECK(bench.Show("SELECT status FROM portals") == "uninstalled");
}

TEST_CASE("waiting: an uninstallation leaves what waits for a later installation") {
  StoreBench bench;
  bench.Install("m1", 'a');
  bench.clock.Advance(std::chrono::seconds(60));
  const InstallationId again = bench.Post("m1", 'b');
  Wait(bench, "m1", again, "AFTERWARDS");

  // It was queued before the new installation and comes in after it.
  Plan uninstall = bench.PlanOf("m1", {PortalUninstalled{true}});
  uninstall.journal.ts = *uninstall.journal.ts - 30;
  REQUIRE(bench.Commit(uninstall) == "accepted");
  bench.Accept(again, "m1");

  REQUIRE(Due(bench).size() == 1);
  CHECK(Due(bench)[0].journal.body == "body of AFTERWARDS");
  CHECK(bench.PortalOf("m1").status == PortalStatus::kActive);
}

TEST_CASE("waiting: an uninstallation ends the installations from before it") {
  StoreBench bench;
  bench.Install("m1", 'a');
  const InstallationId update = bench.Post("m1", 'a');
  bench.clock.Advance(std::chrono::seconds(60));

  REQUIRE(bench.Do("m1", PortalUninstalled{}) == "accepted");
  bench.Accept(update, "m1");

  const Portal portal = bench.PortalOf("m1");
  CHECK(portal.status == PortalStatus::kUninstalled);
  CHECK(portal.waiting.empty());
}

}  // namespace
}  // namespace imrelay
