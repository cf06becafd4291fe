#include <doctest/doctest.h>

#include "tests/store/store_bench.h"

// How the store keeps the mapping, whatever it is made of.

namespace imrelay {
namespace {

// external id, direction, whether edited, whether deleted, outcome
constexpr const char* kRows =
    "SELECT external_message_id, direction, updated_at IS NOT NULL, deleted_at IS NOT NULL, "
    "outcome FROM messages ORDER BY member_id, connector, line_id, message_id, external_message_id";
constexpr const char* kDeliveries =
    "SELECT kind, external_message_id, state FROM deliveries WHERE kind LIKE 'message.%' "
    "ORDER BY id";

TEST_CASE("messages: an Add makes one row without external id and one delivery") {
  StoreBench bench;
  bench.Install("m1");

  CHECK(bench.Do("m1", Created(86497)) == "accepted");

  CHECK(bench.Show("SELECT * FROM messages") ==
        "m1|conn|7|1807|86497|chat-1|NULL|out|2026-03-17T12:00:00Z|NULL|NULL|NULL");
  CHECK(bench.Show("SELECT member_id, connector, line_id, kind, external_chat_id, "
                   "external_message_id, state, attempts, due_at, last_error, created_at, "
                   "finished_at FROM deliveries WHERE kind = 'message.created'") ==
        "m1|conn|7|message.created|chat-1|NULL|pending|0|2026-03-17T12:00:00Z|NULL|"
        "2026-03-17T12:00:00Z|NULL");
  CHECK(bench.Show("SELECT status, source FROM events WHERE event = 'ONTEST'") ==
        "applied|webhook");
}

TEST_CASE("messages: an Update with ids replaces the row without by one for each") {
  StoreBench bench;
  bench.Install("m1");
  REQUIRE(bench.Do("m1", Created(1)) == "accepted");
  bench.clock.Advance(std::chrono::minutes(1));

  CHECK(bench.Do("m1", Updated(1, {"b", "a"})) == "accepted");

  CHECK(bench.Show(kRows) == "a|out|1|0|NULL\nb|out|1|0|NULL");
  CHECK(bench.Show(kDeliveries) ==
        "message.created|NULL|pending\nmessage.updated|b|pending\nmessage.updated|a|pending");
  CHECK(bench.Show("SELECT DISTINCT created_at, updated_at FROM messages") ==
        "2026-03-17T12:00:00Z|2026-03-17T12:01:00Z");
}

TEST_CASE("messages: an Update without ids is one of every id that is known") {
  StoreBench bench;
  bench.Install("m1");
  REQUIRE(bench.Do("m1", Updated(1, {"a", "b"})) == "accepted");

  CHECK(bench.Do("m1", Updated(1, {})) == "accepted");

  CHECK(bench.Show("SELECT external_message_id, count(*) FROM deliveries "
                   "WHERE kind = 'message.updated' GROUP BY 1") == "a|2\nb|2");
}

TEST_CASE("messages: an Add that its Update overtook changes nothing") {
  StoreBench bench;
  bench.Install("m1");
  REQUIRE(bench.Do("m1", Updated(1, {"a"})) == "accepted");

  CHECK(bench.Do("m1", Created(1)) == "ignored: already_known");

  CHECK(bench.Show(kRows) == "a|out|1|0|NULL");
}

TEST_CASE("messages: a Delete marks the known row and asks for one delivery") {
  StoreBench bench;
  bench.Install("m1");
  REQUIRE(bench.Do("m1", Updated(1, {"a"})) == "accepted");
  bench.clock.Advance(std::chrono::seconds(5));

  CHECK(bench.Do("m1", Deleted(1, {"a"})) == "accepted");

  CHECK(bench.Show(kRows) == "a|out|1|1|pending");
  CHECK(bench.Show("SELECT created_at, deleted_at FROM messages") ==
        "2026-03-17T12:00:00Z|2026-03-17T12:00:05Z");
  CHECK(bench.Show(kDeliveries) == "message.updated|a|cancelled\nmessage.deleted|a|pending");
}

TEST_CASE("messages: a Delete of an unknown message inserts its tombstone") {
  StoreBench bench;
  bench.Install("m1");

  CHECK(bench.Do("m1", Deleted(1, {"a"})) == "accepted");

  // Whose message it was is not known.
  CHECK(bench.Show(kRows) == "a|NULL|0|1|pending");
  CHECK(bench.Show(kDeliveries) == "message.deleted|a|pending");
}

TEST_CASE("messages: a Delete with several ids is a row and a delivery each") {
  StoreBench bench;
  bench.Install("m1");
  REQUIRE(bench.Do("m1", Created(1)) == "accepted");

  // As Bitrix24 sends it: one element for each id.
  CHECK(bench.Commit(bench.PlanOf("m1", {Deleted(1, {"a"}), Deleted(1, {"b"})})) == "accepted");
  CHECK(bench.Do("m1", Deleted(2, {"c", "d"})) == "accepted");

  CHECK(bench.Show(kRows) ==
        "a|out|0|1|pending\nb|out|0|1|pending\nc|NULL|0|1|pending\nd|NULL|0|1|pending");
  CHECK(bench.Show("SELECT count(*) FROM deliveries WHERE kind = 'message.deleted'") == "4");
}

TEST_CASE("messages: a Delete without ids deletes all that are known, or the message itself") {
  StoreBench bench;
  bench.Install("m1");
  REQUIRE(bench.Do("m1", Updated(1, {"a", "b"})) == "accepted");
  REQUIRE(bench.Do("m1", Created(2)) == "accepted");

  CHECK(bench.Do("m1", Deleted(1, {})) == "accepted");
  CHECK(bench.Do("m1", Deleted(2, {})) == "accepted");
  CHECK(bench.Do("m1", Deleted(3, {})) == "accepted");

  CHECK(bench.Show(kRows) ==
        "a|out|1|1|pending\nb|out|1|1|pending\nNULL|out|0|1|cancelled\nNULL|NULL|0|1|pending");
  CHECK(bench.Show("SELECT external_message_id FROM deliveries WHERE kind = 'message.deleted' "
                   "ORDER BY id") == "a\nb\nNULL");
}

TEST_CASE("messages: a second Delete changes nothing") {
  StoreBench bench;
  bench.Install("m1");
  REQUIRE(bench.Do("m1", Deleted(1, {"a"})) == "accepted");
  REQUIRE(bench.Do("m1", Deleted(2, {})) == "accepted");
  bench.clock.Advance(std::chrono::hours(1));

  CHECK(bench.Do("m1", Deleted(1, {"a"})) == "ignored: already_deleted");
  CHECK(bench.Do("m1", Deleted(1, {})) == "ignored: already_deleted");
  CHECK(bench.Do("m1", Deleted(2, {})) == "ignored: already_deleted");

  CHECK(bench.Show("SELECT DISTINCT deleted_at FROM messages") == "2026-03-17T12:00:00Z");
  CHECK(bench.Show("SELECT count(*) FROM deliveries WHERE kind = 'message.deleted'") == "2");
  CHECK(bench.Show("SELECT status, count(*) FROM events WHERE event = 'ONTEST' GROUP BY 1") ==
        "applied|2\nignored|3");
}

TEST_CASE("messages: a tombstone is never undone") {
  StoreBench bench;
  bench.Install("m1");
  REQUIRE(bench.Do("m1", Deleted(1, {"a"})) == "accepted");
  REQUIRE(bench.Do("m1", Deleted(2, {})) == "accepted");

  CHECK(bench.Do("m1", Created(1)) == "ignored: message_deleted");
  CHECK(bench.Do("m1", Updated(1, {"a"})) == "ignored: message_deleted");
  CHECK(bench.Do("m1", Updated(1, {})) == "ignored: message_deleted");
  CHECK(bench.Do("m1", Updated(1, {"b"})) == "ignored: message_deleted");
  CHECK(bench.Do("m1", Created(2)) == "ignored: message_deleted");
  CHECK(bench.Do("m1", Updated(2, {})) == "ignored: message_deleted");

  CHECK(bench.Show(kRows) == "a|NULL|0|1|pending\nNULL|NULL|0|1|pending");
  CHECK(bench.Show(kDeliveries) == "message.deleted|a|pending\nmessage.deleted|NULL|pending");
}

TEST_CASE("messages: ids that come after the deletion take the place of the row without") {
  StoreBench bench;
  bench.Install("m1");
  REQUIRE(bench.Do("m1", Created(1)) == "accepted");
  REQUIRE(bench.Do("m1", Deleted(1, {})) == "accepted");

  CHECK(bench.Do("m1", Deleted(1, {"a", "b"})) == "accepted");

  CHECK(bench.Show(kRows) == "a|out|0|1|pending\nb|out|0|1|pending");
  CHECK(bench.Show(kDeliveries) ==
        "message.created|NULL|cancelled\nmessage.deleted|a|pending\nmessage.deleted|b|pending");
}

TEST_CASE("messages: the same numbers elsewhere are other messages") {
  StoreBench bench;
  bench.Install("m1");
  bench.Install("m2", 'b');
  const Place places[] = {PlaceOf(), PlaceOf("other"), PlaceOf("conn", 8)};
  for (const Place& place : places) {
    REQUIRE(bench.Do("m1", Updated(1, {"a"}, place)) == "accepted");
  }
  REQUIRE(bench.Do("m2", Updated(1, {"a"})) == "accepted");

  CHECK(bench.Do("m1", Deleted(1, {"a"})) == "accepted");

  CHECK(bench.Show("SELECT member_id, connector, line_id, deleted_at IS NOT NULL FROM messages "
                   "ORDER BY 1, 2, 3") == "m1|conn|7|1\nm1|conn|8|0\nm1|other|7|0\nm2|conn|7|0");
  CHECK(bench.Show("SELECT member_id, connector, line_id FROM deliveries "
                   "WHERE kind = 'message.deleted'") == "m1|conn|7");
}

TEST_CASE("messages: ids that look like numbers stay texts, and large numbers stay whole") {
  StoreBench bench;
  bench.Install("m1");
  MessageUpdated update = Updated(INT64_MAX, {"0042", "9007199254740993", "1e3"});
  update.chat_id = ChatId(9007199254740993);

  CHECK(bench.Do("m1", update) == "accepted");

  CHECK(bench.Show("SELECT external_message_id, typeof(external_message_id) FROM messages "
                   "ORDER BY 1") == "0042|text\n1e3|text\n9007199254740993|text");
  CHECK(bench.Show("SELECT DISTINCT message_id, typeof(message_id), chat_id, typeof(chat_id), "
                   "typeof(line_id) FROM messages") ==
        "9223372036854775807|integer|9007199254740993|integer|integer");
}

TEST_CASE("messages: one event of many is one commit, all of it or nothing") {
  StoreBench bench;
  bench.Install("m1");
  Plan plan = bench.PlanOf("m1", {Created(1), Created(2), Deleted(3, {"c"})});
  Plan again = plan;
  Plan stale = bench.PlanOf("m1", {Created(4)});
  ++stale.revision;

  CHECK(bench.Commit(plan) == "accepted");
  CHECK(bench.Commit(again) == "duplicate");
  CHECK(bench.Commit(stale) == "conflict");

  CHECK(bench.Show("SELECT message_id FROM messages ORDER BY 1") == "1\n2\n3");
  CHECK(bench.Show("SELECT count(*) FROM events WHERE event = 'ONTEST'") == "1");
}

TEST_CASE("messages: an event is applied when any of its changes changes something") {
  StoreBench bench;
  bench.Install("m1");
  REQUIRE(bench.Do("m1", Deleted(1, {"a"})) == "accepted");

  CHECK(bench.Commit(bench.PlanOf("m1", {Deleted(1, {"a"}), Deleted(1, {"b"})})) == "accepted");
  CHECK(bench.Commit(bench.PlanOf("m1", {})) == "accepted");
}

TEST_CASE("messages: an unusable event is journalled and nothing else") {
  StoreBench bench;
  bench.Install("m1");
  Plan plan = bench.PlanOf("m1", {});
  plan.ignored = true;
  plan.journal.reason = "invalid_id";
  plan.journal.source = EventSource::kSpool;
  Plan again = plan;

  CHECK(bench.Commit(plan) == "ignored: invalid_id");
  CHECK(bench.Commit(again) == "duplicate");

  ReportQuery query;
  query.what = ReportQuery::What::kEvents;
  query.event = "ontest";
  const Result<Table> events = bench.store().Report(query);
  REQUIRE(events.has_value());
  REQUIRE(events->rows.size() == 1);
  CHECK(events->rows[0][4].text == "ignored");
  CHECK(events->rows[0][5].text == "spool");
  CHECK(events->rows[0][6].text == "invalid_id");
}

}  // namespace
}  // namespace imrelay
