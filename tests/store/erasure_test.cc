#include <doctest/doctest.h>

#include "store/sqlite/erasure_rows.h"
#include "tests/store/outbox_bench.h"

// What is erased of a portal that uninstalled with CLEAN, a few rows at a time.

namespace imrelay {
namespace {

// More than one step of every table.
constexpr int kMany = 2500;

void Fill(OutboxBench& bench) {
  RawDatabase raw(bench.path());
  REQUIRE(bench.Do("m1", Created(1)) == "accepted");
  bench.Done(bench.TakeOne(), {"a"});
  const std::string many =
      "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i <= " +
      std::to_string(kMany) + ") INSERT INTO ";
  REQUIRE(raw.Execute(
      many +
      "message (message_id, line_key, part, external_message_id, chat_key, created_at) "
      "SELECT i, 1, 0, 'x' || i, 1, 1 FROM n;" +
      many +
      "delivery (portal_id, line_key, chat_key, message_id, kind, state, due_at_ms, "
      "created_at, finished_at, queue, lane) "
      "SELECT 1, 1, 1, i, 'message.created', 'done', 0, 1, 1, 1, 1 FROM n;" +
      many +
      "event (received_at, portal_id, event, status, source, body) "
      "SELECT 1, 1, 'E', 'applied', 'webhook', x'00' FROM n;" +
      many +
      "incoming_message (external_message_id, chat_key, line_key, delivery_id, created_at) "
      "SELECT 'in' || i, 1, 1, 1, 1 FROM n"));
}

std::string LeftOf(OutboxBench& bench) {
  return bench.Show(
      "SELECT (SELECT count(*) FROM message), (SELECT count(*) FROM incoming_message),"
      "(SELECT count(*) FROM event WHERE body IS NOT NULL),"
      "(SELECT count(*) FROM delivery WHERE kind = 'message.created')");
}

TEST_CASE("erasure: an uninstallation itself erases no more than what would be sent") {
  OutboxBench bench;
  Fill(bench);
  REQUIRE(bench.Do("m1", Created(90001)) == "accepted");
  const std::string before = bench.Show("SELECT count(*) FROM message");

  REQUIRE(bench.Do("m1", PortalUninstalled{true}) == "accepted");

  CHECK(bench.Show("SELECT count(*) FROM message") == before);
  CHECK(bench.Show("SELECT kind FROM deliveries WHERE state = 'pending'") == "portal.uninstalled");
  CHECK(bench.Show("SELECT count(refresh_token) FROM portal") == "0");
  CHECK(bench.Show("SELECT count(*) FROM erasure") == "1");
  bench.FinishErasures();
  CHECK(LeftOf(bench) == "0|0|0|0");
  CHECK(bench.Show("SELECT value FROM setting WHERE name = 'erased_messages'") ==
        std::to_string(2 * kMany + 2));
  CHECK(bench.Show("SELECT count(*) FROM erasure") == "0");
  CHECK(bench.Show("SELECT count(*) FROM tally") == "0");
}

TEST_CASE("erasure: what is little goes with the uninstallation itself") {
  OutboxBench bench;
  REQUIRE(bench.Do("m1", Created(1)) == "accepted");
  bench.Done(bench.TakeOne(), {"a"});

  REQUIRE(bench.Do("m1", PortalUninstalled{true}) == "accepted");

  CHECK(LeftOf(bench) == "0|0|0|0");
  CHECK(bench.Show("SELECT count(*) FROM erasure") == "0");
  CHECK(bench.Show("SELECT kind FROM deliveries WHERE state = 'pending'") == "portal.uninstalled");
}

TEST_CASE("erasure: it takes many short steps, and goes on where another process left it") {
  OutboxBench bench;
  Fill(bench);
  REQUIRE(bench.Do("m1", PortalUninstalled{true}) == "accepted");

  for (int i = 0; i < 4; ++i) REQUIRE(bench.sqlite().EraseNext() == true);
  CHECK(bench.Show("SELECT count(*) FROM erasure") == "1");
  Result<std::unique_ptr<SqliteStore>> other = SqliteStore::Open(bench.path());
  REQUIRE(other.has_value());
  Result<bool> more = true;
  while (more && *more) more = (*other)->EraseNext();

  CHECK(LeftOf(bench) == "0|0|0|0");
  CHECK(bench.Show("SELECT value FROM setting WHERE name = 'erased_messages'") ==
        std::to_string(2 * kMany + 1));
}

TEST_CASE("erasure: what comes after a new installation stays") {
  OutboxBench bench;
  Fill(bench);
  REQUIRE(bench.Do("m1", PortalUninstalled{true}) == "accepted");
  REQUIRE(bench.sqlite().EraseNext() == true);
  bench.clock.Advance(std::chrono::hours(1));

  bench.Install("m1");
  CHECK(LeftOf(bench) == "0|0|1|0");  // the installation's own event
  REQUIRE(bench.Do("m1", Created(90002)) == "accepted");
  bench.FinishErasures();

  CHECK(bench.Show("SELECT message_id FROM messages") == "90002");
}

TEST_CASE("erasure: a second one begins at the beginning, however far the first had come") {
  for (const bool looked_between : {false, true}) {
    CAPTURE(looked_between);
    OutboxBench bench;
    Fill(bench);
    REQUIRE(bench.Do("m1", PortalUninstalled{true}) == "accepted");
    for (int i = 0; i < 4; ++i) REQUIRE(bench.sqlite().EraseNext() == true);
    bench.clock.Advance(std::chrono::hours(1));
    bench.Install("m1");
    if (looked_between) CHECK(bench.sqlite().EraseNext() == false);
    REQUIRE(bench.Do("m1", Created(90003)) == "accepted");
    bench.clock.Advance(std::chrono::hours(1));

    REQUIRE(bench.Do("m1", PortalUninstalled{true}) == "accepted");
    bench.FinishErasures();

    CHECK(LeftOf(bench) == "0|0|0|0");
  }
}

TEST_CASE("erasure: other portals keep everything") {
  OutboxBench bench;
  Fill(bench);
  bench.Install("m2");
  REQUIRE(bench.Do("m2", Created(7)) == "accepted");

  REQUIRE(WordOf(bench.store().RemovePortal(MemberId("m1"), bench.clock.Now())) == "done");

  CHECK(bench.Show("SELECT member_id, message_id FROM messages") == "m2|7");
  CHECK(bench.Show("SELECT member_id FROM portals") == "m2");
  CHECK(bench.Show("SELECT kind FROM deliveries") == "portal.installed\nmessage.created");
  CHECK(bench.Show("PRAGMA foreign_key_check") == "");
}

}  // namespace
}  // namespace imrelay
