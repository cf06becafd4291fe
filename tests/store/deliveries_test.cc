#include <doctest/doctest.h>

#include "tests/store/channel_store_bench.h"

// What people do about deliveries, and what is counted of them.

namespace imrelay {
namespace {

constexpr const char* kStates =
    "SELECT id, state, attempts, last_error FROM deliveries ORDER BY id";

Status Retry(ChannelStoreBench& bench, std::int64_t id) {
  return bench.channels().RetryDelivery(DeliveryId(id), bench.clock.Now());
}
Status Cancel(ChannelStoreBench& bench, std::int64_t id) {
  return bench.channels().CancelDelivery(DeliveryId(id), bench.clock.Now());
}

TEST_CASE("deliveries: a failed one is pending again, and what it tried stays counted") {
  ChannelStoreBench bench;
  REQUIRE(bench.Do("m1", Created(11)) == "accepted");
  REQUIRE(
      bench.raw().Execute("UPDATE delivery SET attempts = 3, first_attempt_at = 5, "
                          "last_error = 'refused', due_at_ms = 1"));
  bench.End(1, "failed");

  CHECK(ChannelStoreBench::Word(Retry(bench, 1)) == "done");

  CHECK(bench.Show("SELECT state, attempts, first_attempt_at, finished_at, head, last_error "
                   "FROM delivery") == "pending|3|NULL|NULL|1|refused");
  CHECK(bench.Show("SELECT due_at_ms > 1 FROM delivery") == "1");
  CHECK(ChannelStoreBench::Word(Retry(bench, 1)) == "conflict not_failed");
  CHECK(ChannelStoreBench::Word(Retry(bench, 99)) == "not_found");
}

TEST_CASE("deliveries: a failed deletion that is retried is pending in the mapping too") {
  ChannelStoreBench bench;
  REQUIRE(bench.Do("m1", Deleted(11, {"a", "b"})) == "accepted");
  bench.End(1, "failed");
  REQUIRE(
      bench.raw().Execute("UPDATE message SET outcome = 'failed' WHERE external_message_id = 'a'"));

  CHECK(ChannelStoreBench::Word(Retry(bench, 1)) == "done");

  CHECK(bench.Show("SELECT external_message_id, outcome FROM messages ORDER BY 1") ==
        "a|pending\nb|pending");
}

TEST_CASE("deliveries: what was deleted meanwhile is not sent any more") {
  ChannelStoreBench bench;
  REQUIRE(bench.Do("m1", Updated(11, {"a"})) == "accepted");
  bench.End(1, "failed");
  REQUIRE(bench.Do("m1", Deleted(11, {"a"})) == "accepted");
  REQUIRE(bench.Create("in-1") == "3");
  bench.End(3, "failed");
  REQUIRE(bench.Delete("in-1") == "3");
  REQUIRE(bench.raw().Execute("UPDATE delivery SET state = 'failed' WHERE delivery_id = 3"));

  CHECK(ChannelStoreBench::Word(Retry(bench, 1)) == "conflict message_deleted");
  CHECK(ChannelStoreBench::Word(Retry(bench, 3)) == "conflict message_deleted");
}

TEST_CASE("deliveries: a call to a portal that is gone is not retried, its deletions are") {
  ChannelStoreBench bench;
  REQUIRE(bench.Do("m1", Deleted(11, {"a"})) == "accepted");
  REQUIRE(bench.Create("in-1") == "2");
  bench.End(1, "failed");
  bench.End(2, "failed");
  REQUIRE(bench.Do("m1", PortalUninstalled{}) == "accepted");
  REQUIRE(bench.raw().Execute("UPDATE delivery SET state = 'failed' WHERE delivery_id = 2"));

  CHECK(ChannelStoreBench::Word(Retry(bench, 1)) == "done");
  CHECK(ChannelStoreBench::Word(Retry(bench, 2)) == "conflict uninstalled");
}

TEST_CASE(
    "deliveries: all failed ones of a choice are retried, and what is refused is passed over") {
  ChannelStoreBench bench;
  for (int i = 0; i < 250; ++i) REQUIRE(bench.Do("m1", Created(100 + i)) == "accepted");
  REQUIRE(bench.Do("m1", Deleted(11, {"a"}, PlaceOf("conn", 8))) == "accepted");
  REQUIRE(bench.raw().Execute("UPDATE delivery SET state = 'failed'"));
  REQUIRE(
      bench.raw().Execute("UPDATE message SET deleted_at = 1, outcome = 'cancelled' "
                          "WHERE message_id = 100"));
  ReportQuery line7;
  line7.line_id = 7;

  CHECK(bench.channels().RetryFailed(line7, bench.clock.Now()).value() == 249);
  CHECK(bench.channels().RetryFailed(line7, bench.clock.Now()).value() == 0);
  CHECK(bench.Show("SELECT line_id, count(*) FROM deliveries WHERE state = 'failed' GROUP BY 1") ==
        "7|1\n8|1");
  // Whatever is revived, a chat has one head.
  CHECK(bench.Show("SELECT count(*) FROM delivery WHERE head = 1") == "1");

  ReportQuery other;
  other.kind = "message.deleted";
  other.member_id = "nobody";
  CHECK(bench.channels().RetryFailed(other, bench.clock.Now()).value() == 0);
  other.member_id = "m1";
  CHECK(bench.channels().RetryFailed(other, bench.clock.Now()).value() == 1);
}

TEST_CASE("deliveries: a pending one that is cancelled lets the next of its chat go") {
  ChannelStoreBench bench;
  REQUIRE(bench.Do("m1", Created(11)) == "accepted");
  REQUIRE(bench.Do("m1", Updated(11, {})) == "accepted");
  REQUIRE(bench.Do("m1", Created(12)) == "accepted");

  CHECK(ChannelStoreBench::Word(Cancel(bench, 1)) == "done");

  CHECK(bench.Show(kStates) ==
        "1|cancelled|0|cancelled by hand\n2|cancelled|0|cancelled by hand\n3|pending|0|NULL");
  CHECK(bench.Show("SELECT delivery_id FROM delivery WHERE head = 1") == "3");
  CHECK(bench.Show("SELECT payload FROM delivery WHERE delivery_id = 1") == "NULL");
  CHECK(ChannelStoreBench::Word(Cancel(bench, 1)) == "conflict ended");
  CHECK(ChannelStoreBench::Word(Cancel(bench, 99)) == "not_found");
}

TEST_CASE("deliveries: a deletion that is cancelled says so in the mapping") {
  ChannelStoreBench bench;
  REQUIRE(bench.Do("m1", Deleted(11, {"a"})) == "accepted");
  REQUIRE(bench.Do("m1", Deleted(12, {})) == "accepted");
  REQUIRE(bench.Create("in-1") == "3");
  bench.End(3, "done");
  REQUIRE(bench.Delete("in-1") == "4");

  for (const int id : {1, 2, 4}) CHECK(ChannelStoreBench::Word(Cancel(bench, id)) == "done");

  CHECK(bench.Show("SELECT outcome, count(*) FROM messages GROUP BY 1") == "cancelled|3");
}

TEST_CASE("deliveries: a dead letter that is cancelled is one no more, and its end stays true") {
  ChannelStoreBench bench;
  REQUIRE(bench.Do("m1", Deleted(11, {"a"})) == "accepted");
  bench.End(1, "failed");
  REQUIRE(bench.raw().Execute("UPDATE message SET outcome = 'failed'"));

  CHECK(ChannelStoreBench::Word(Cancel(bench, 1)) == "done");

  CHECK(bench.Show("SELECT state FROM deliveries") == "cancelled");
  CHECK(bench.Show("SELECT outcome FROM messages") == "failed");
}

TEST_CASE("deliveries: what is being sent cannot be cancelled") {
  ChannelStoreBench bench;
  REQUIRE(bench.Do("m1", Created(11)) == "accepted");
  REQUIRE(bench.raw().Execute("UPDATE delivery SET state = 'leased'"));

  CHECK(ChannelStoreBench::Word(Cancel(bench, 1)) == "conflict leased");
}

TEST_CASE("deliveries: the levels tell what is open, failed and undeletable") {
  ChannelStoreBench bench;
  bench.Install("m2", 'b');
  REQUIRE(bench.raw().Execute(
      "DELETE FROM delivery; DELETE FROM setting WHERE name = 'delivery_used'"));
  const TimePoint begin = bench.clock.Now();
  REQUIRE(bench.Do("m1", Created(11)) == "accepted");
  bench.clock.Advance(std::chrono::minutes(5));
  REQUIRE(bench.Do("m1", Created(12)) == "accepted");
  REQUIRE(bench.Do("m1", Created(13)) == "accepted");
  REQUIRE(bench.Do("m2", Created(14)) == "accepted");
  REQUIRE(bench.Create("in-1") == "5");
  REQUIRE(bench.raw().Execute("UPDATE delivery SET state = 'leased' WHERE delivery_id = 1"));
  bench.End(3, "failed");
  bench.End(4, "done");
  REQUIRE(bench.raw().Execute("UPDATE message SET undeletable = 1 WHERE message_id = 14"));

  const OutboxLevels levels = bench.channels().FindLevels().value();

  REQUIRE(levels.queues.size() == 2);
  CHECK(levels.queues[0].member_id == MemberId("m1"));
  CHECK(levels.queues[0].target == Target::kChannel);
  CHECK(levels.queues[0].open == 2);
  CHECK(UnixSeconds(levels.queues[0].oldest) == UnixSeconds(begin));
  CHECK(levels.queues[1].target == Target::kPortal);
  CHECK(levels.queues[1].open == 1);
  REQUIRE(levels.lines.size() == 1);
  CHECK(levels.lines[0].member_id == MemberId("m1"));
  CHECK(levels.lines[0].line == LineId(7));
  CHECK(levels.lines[0].open == 2);
  CHECK(levels.failed == 1);
  CHECK(levels.undeletable == 1);
}

}  // namespace
}  // namespace imrelay
