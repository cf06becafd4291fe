#include "store/retention.h"

#include <doctest/doctest.h>

#include "tests/store/outbox_bench.h"

// What is old goes, and what is needed stays.

namespace imrelay {
namespace {

constexpr std::chrono::days kKeep{90};

struct RetentionBench : OutboxBench {
  // Walks through both tables as the worker does.
  int EraseAged() {
    int erased = 0;
    for (const Aging table : {Aging::kEvents, Aging::kDeliveries}) {
      AgingWalk walk;
      while (!walk.end) {
        Result<AgingWalk> next =
            sqlite().EraseAged(table, walk.after, clock.Now() - kKeep, clock.Now());
        REQUIRE(next.has_value());
        walk = *next;
        erased += walk.erased;
      }
    }
    return erased;
  }
  // A message that was sent, and confirmed.
  void Sent(std::int64_t message, const std::string& id) {
    REQUIRE(Do("m1", Created(message)) == "accepted");
    Done(TakeOne(), {id});
    Settle(After(TakeOne(Target::kConfirmation), Settlement::Verdict::kDone));
  }
  void Age() { clock.Advance(kKeep + std::chrono::hours(1)); }
  std::string Accounts() {
    ReportQuery query;
    query.what = ReportQuery::What::kAccounts;
    query.since = clock.Now() - std::chrono::days(300);
    Result<Table> table = sqlite().Report(query);
    REQUIRE(table.has_value());
    std::string text;
    for (const auto& row : table->rows) {
      for (const auto& value : row) text += value.text.value_or("") + '|';
      text += '\n';
    }
    return text;
  }
};

TEST_CASE("retention: events and deliveries go when they are old, the mapping and counts stay") {
  RetentionBench bench;
  bench.Sent(1, "a");
  REQUIRE(bench.Do("m1", Deleted(1, {"a"})) == "accepted");
  bench.Done(bench.TakeOne());
  const std::string mapping = bench.Show("SELECT * FROM messages");
  const std::string accounts = bench.Accounts();
  CHECK(bench.EraseAged() == 0);
  bench.Age();
  REQUIRE(bench.Do("m1", Updated(2, {"b"})) == "accepted");

  CHECK(bench.EraseAged() > 0);

  CHECK(bench.Show("SELECT kind FROM deliveries") == "message.updated");
  CHECK(bench.Show("SELECT count(*) FROM attempt") == "0");
  CHECK(bench.Show("SELECT event FROM events ORDER BY id") == "ONAPPINSTALL\nONTEST");
  CHECK(bench.Show("SELECT * FROM messages WHERE message_id = 1") == mapping);
  CHECK(bench.Accounts() == accounts);
  CHECK(bench.EraseAged() == 0);
}

TEST_CASE("retention: a deletion long after its message was sent reaches the channel by its id") {
  RetentionBench bench;
  bench.Sent(1, "a");
  bench.Age();
  REQUIRE(bench.EraseAged() > 0);

  REQUIRE(bench.Do("m1", Deleted(1, {"a"})) == "accepted");

  const Delivery deletion = bench.TakeOne();
  CHECK(deletion.kind == "message.deleted");
  CHECK(deletion.external_message_id == ExternalMessageId("a"));
}

TEST_CASE("retention: that a message was never sent stays known, its text does not") {
  RetentionBench bench;
  REQUIRE(bench.Do("m1", Created(1)) == "accepted");
  bench.Settle(bench.After(bench.TakeOne(), Settlement::Verdict::kFailed));
  const std::string accounts = bench.Accounts();
  bench.Age();

  bench.EraseAged();

  CHECK(bench.Show("SELECT kind, state, payload FROM delivery") ==
        "message.created|cancelled|NULL");
  REQUIRE(bench.Do("m1", Deleted(1, {})) == "accepted");
  CHECK(bench.Show("SELECT outcome FROM messages") == "cancelled");
  CHECK(bench.Take().empty());
  bench.EraseAged();
  CHECK(bench.Show("SELECT count(*) FROM delivery") == "0");
  CHECK(bench.Accounts() != accounts);  // failed became cancelled
}

TEST_CASE("retention: what waits and what is still to be sent stays, however old") {
  RetentionBench bench;
  const InstallationId waiting = bench.Post("m2", 'x');
  REQUIRE(bench.Commit(bench.WaitingPlan("m2", waiting)) == "accepted");
  REQUIRE(bench.Do("m1", Created(1)) == "accepted");
  REQUIRE(bench.Do("m1", Created(2, PlaceOf("conn", 7, "chat-2"))) == "accepted");
  REQUIRE(bench.Take(Target::kChannel, 1).size() == 1);
  bench.Age();

  bench.EraseAged();

  CHECK(bench.Show("SELECT count(*) FROM events WHERE status = 'waiting'") == "2");
  CHECK(bench.Show("SELECT count(*) FROM events WHERE event = 'ONAPPINSTALL'") == "2");
  CHECK(bench.Show("SELECT state FROM deliveries ORDER BY state") == "leased\npending");
  CHECK(bench.Show("SELECT payload IS NOT NULL FROM delivery") == "1\n1");
}

TEST_CASE("retention: an event's number is never given again") {
  RetentionBench bench;
  REQUIRE(bench.Do("m1", Created(1)) == "accepted");
  const std::string last = bench.Show("SELECT max(id) FROM events");
  bench.Age();

  bench.EraseAged();

  CHECK(bench.Show("SELECT max(id) FROM events") == last);
  CHECK(bench.Show("SELECT count(body) FROM event") == "0");
}

TEST_CASE("retention: rows from a clock that ran ahead do not hide the old ones behind them") {
  RetentionBench bench;
  RawDatabase raw(bench.path());
  REQUIRE(
      raw.Execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"
                  "INSERT INTO event (received_at, portal_id, event, status, source) "
                  "SELECT 4000000000, 1, 'FUTURE', 'applied', 'webhook' FROM n"));
  REQUIRE(bench.Do("m1", Created(1)) == "accepted");
  REQUIRE(bench.Do("m1", Created(2)) == "accepted");
  bench.Age();

  bench.EraseAged();

  CHECK(bench.Show("SELECT count(*) FROM events WHERE event = 'ONTEST'") == "1");
  CHECK(bench.Show("SELECT count(*) FROM events WHERE event = 'FUTURE'") == "3000");
}

TEST_CASE("retention: a late copy of an event that was erased changes no message") {
  RetentionBench bench;
  Plan created = bench.PlanOf("m1", {Created(1)});
  Plan deleted = bench.PlanOf("m1", {Deleted(1, {"a"})});
  REQUIRE(bench.Commit(created) == "accepted");
  REQUIRE(bench.Commit(deleted) == "accepted");
  for (const Delivery& delivery : bench.Take()) bench.Done(delivery);
  bench.Age();
  REQUIRE(bench.Do("m1", Updated(2, {"b"})) == "accepted");
  bench.Done(bench.TakeOne());
  bench.EraseAged();

  CHECK(bench.Commit(created) == "ignored: message_deleted");
  CHECK(bench.Commit(deleted) == "ignored: already_deleted");
  CHECK(bench.Take().empty());
}

}  // namespace
}  // namespace imrelay
