#include "recovery/waiting_events.h"

#include <doctest/doctest.h>

#include <thread>

#include "tests/ingest/ingest_bench.h"

namespace imrelay {
namespace {

Posted Update(int number) {
  return Posted{"ONIMCONNECTORMESSAGEUPDATE", DataOf(1, "x", "text" + std::to_string(number)),
                1773750000 + number};
}

constexpr const char* kPayloads =
    "SELECT count(*), group_concat(json_extract(payload, '$.text') = 'text' || rn, '') FROM "
    "(SELECT payload, row_number() OVER (ORDER BY delivery_id) AS rn FROM delivery "
    "WHERE kind = 'message.updated')";

TEST_CASE("waiting_events: nothing is applied while the proof is outstanding or refused") {
  IngestBench bench;
  const InstallationId id = bench.PostInstall("token-a", 1773748800);
  REQUIRE(bench.Post(Update(1)) == "accepted");

  CHECK(ApplyWaitingEvents(bench.store(), bench.ingest) == 0);
  bench.Refuse(id);
  CHECK(ApplyWaitingEvents(bench.store(), bench.ingest) == 0);

  CHECK(bench.Show("SELECT count(*) FROM messages") == "0");
}

TEST_CASE("waiting_events: all are applied in order after the proof, and once") {
  IngestBench bench;
  const InstallationId id = bench.PostInstall("token-a", 1773748800);
  // More than are read at a time.
  constexpr int kEvents = 120;
  for (int i = 1; i <= kEvents; ++i) REQUIRE(bench.Post(Update(i)) == "accepted");
  bench.Accept(id, "m1");

  CHECK(ApplyWaitingEvents(bench.store(), bench.ingest) == kEvents);
  CHECK(ApplyWaitingEvents(bench.store(), bench.ingest) == 0);

  CHECK(bench.Show(kPayloads) == "120|" + std::string(kEvents, '1'));
  CHECK(bench.Show("SELECT status, count(*) FROM events GROUP BY 1") == "applied|121");
}

TEST_CASE("waiting_events: a crash halfway loses nothing and repeats nothing") {
  IngestBench bench;
  const InstallationId id = bench.PostInstall("token-a", 1773748800);
  for (int i = 1; i <= 5; ++i) REQUIRE(bench.Post(Update(i)) == "accepted");
  bench.Accept(id, "m1");
  const Result<std::vector<WaitingEvent>> due = bench.store().WaitingEvents(2);
  REQUIRE(due.has_value());
  for (const WaitingEvent& event : *due) REQUIRE(bench.ingest.ApplyWaiting(event).has_value());

  // Whoever comes next has only the database.
  CHECK(ApplyWaitingEvents(bench.store(), bench.other_process) == 3);

  CHECK(bench.Show(kPayloads) == "5|11111");
}

TEST_CASE("waiting_events: one that cannot be read any more holds up no other") {
  IngestBench bench;
  const InstallationId id = bench.PostInstall("token-a", 1773748800);
  for (int i = 1; i <= 3; ++i) REQUIRE(bench.Post(Update(i)) == "accepted");
  REQUIRE(RawDatabase(bench.path()).Execute("UPDATE event SET body = NULL WHERE event_id = 3"));
  bench.Accept(id, "m1");

  CHECK(ApplyWaitingEvents(bench.store(), bench.ingest) == 3);

  CHECK(bench.Show("SELECT id, status FROM events ORDER BY id") ==
        "1|applied\n2|applied\n3|ignored\n4|applied");
  CHECK(bench.Show("SELECT reason FROM event WHERE event_id = 3") == "unreadable");
}

TEST_CASE("waiting_events: an uninstallation among them ends what comes after") {
  IngestBench bench;
  const InstallationId id = bench.PostInstall("token-a", 1773748800);
  REQUIRE(bench.Post(Update(1)) == "accepted");
  REQUIRE(bench.Post(Posted{"ONAPPUNINSTALL", "data[CLEAN]=1", 1773760000}) == "accepted");
  REQUIRE(bench.Post(Update(2)) == "accepted");
  bench.Accept(id, "m1");

  CHECK(ApplyWaitingEvents(bench.store(), bench.ingest) == 3);

  CHECK(bench.Show("SELECT status FROM portals") == "uninstalled");
  bench.FinishErasures();
  CHECK(bench.Show("SELECT count(*) FROM messages") == "0");
  CHECK(bench.Show("SELECT value FROM setting WHERE name = 'erased_messages'") == "1");
}

TEST_CASE("waiting_events: a portal removed meanwhile ends the work without a trace") {
  IngestBench bench;
  const InstallationId id = bench.PostInstall("token-a", 1773748800);
  REQUIRE(bench.Post(Update(1)) == "accepted");
  bench.Accept(id, "m1");
  const Result<std::vector<WaitingEvent>> due = bench.store().WaitingEvents(2);
  REQUIRE(due.has_value());
  REQUIRE(bench.store().RemovePortal(MemberId("m1"), bench.clock.Now()).has_value());

  const Status late = bench.ingest.ApplyWaiting(due->at(0));
  REQUIRE_FALSE(late.has_value());
  CHECK(late.error().code == ErrorCode::kNotFound);
  CHECK(ApplyWaitingEvents(bench.store(), bench.ingest) == 0);
  CHECK(bench.Show("SELECT count(*) FROM events") == "0");
}

TEST_CASE("waiting_events: two at it at once apply each event once") {
  IngestBench bench;
  const InstallationId id = bench.PostInstall("token-a", 1773748800);
  for (int i = 1; i <= 60; ++i) REQUIRE(bench.Post(Update(i)) == "accepted");
  bench.Accept(id, "m1");

  std::thread other([&] { CHECK(ApplyWaitingEvents(bench.store(), bench.other_process)); });
  CHECK(ApplyWaitingEvents(bench.store(), bench.ingest));
  other.join();

  CHECK(bench.Show("SELECT count(*) FROM deliveries WHERE kind = 'message.updated'") == "60");
  CHECK(bench.Show("SELECT status, count(*) FROM events GROUP BY 1") == "applied|61");
}

}  // namespace
}  // namespace imrelay
