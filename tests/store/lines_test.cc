#include <doctest/doctest.h>

#include "tests/store/store_bench.h"

// What the store makes of lines, dialogs and their ends.

namespace imrelay {
namespace {

constexpr const char* kLines =
    "SELECT member_id, connector, line_id, status, updated_at FROM lines ORDER BY 1, 2, 3";

LineDisconnected Disconnected(const std::string& connector, std::int64_t line) {
  return {ConnectorId(connector), LineId(line)};
}

TEST_CASE("lines: traffic shows a line as active") {
  StoreBench bench;
  bench.Install("m1");

  REQUIRE(bench.Do("m1", Created(1)) == "accepted");
  bench.clock.Advance(std::chrono::hours(1));
  REQUIRE(bench.Do("m1", Created(2)) == "accepted");

  CHECK(bench.Show(kLines) == "m1|conn|7|active|2026-03-17T12:00:00Z");
}

TEST_CASE("lines: a disconnection marks the line of that connector and portal only") {
  StoreBench bench;
  bench.Install("m1");
  bench.Install("m2", 'b');
  REQUIRE(bench.Do("m1", Created(1)) == "accepted");
  REQUIRE(bench.Do("m1", Created(1, PlaceOf("other"))) == "accepted");
  REQUIRE(bench.Do("m1", Created(1, PlaceOf("conn", 8))) == "accepted");
  REQUIRE(bench.Do("m2", Created(1)) == "accepted");

  CHECK(bench.Do("m1", Disconnected("conn", 7)) == "accepted");
  CHECK(bench.Do("m1", Disconnected("conn", 7)) == "ignored: already_disconnected");
  CHECK(bench.Do("m1", Disconnected("unseen", 9)) == "accepted");

  CHECK(bench.Show("SELECT member_id, connector, line_id, status FROM lines ORDER BY 1, 2, 3") ==
        "m1|conn|7|disconnected\nm1|conn|8|active\nm1|other|7|active\nm1|unseen|9|disconnected\n"
        "m2|conn|7|active");
  CHECK(bench.Show("SELECT member_id, connector, line_id, external_chat_id FROM deliveries "
                   "WHERE kind = 'line.disconnected'") == "m1|conn|7|NULL\nm1|unseen|9|NULL");
}

TEST_CASE("lines: a disconnection that later traffic overtook changes nothing") {
  StoreBench bench;
  bench.Install("m1");
  REQUIRE(bench.Do("m1", Disconnected("conn", 7)) == "accepted");
  const std::optional<std::int64_t> early = bench.PlanOf("m1", {}).journal.ts;
  bench.clock.Advance(std::chrono::seconds(10));
  REQUIRE(bench.Do("m1", Created(1)) == "accepted");

  Plan late = bench.PlanOf("m1", {Disconnected("conn", 7)});
  late.journal.ts = *early + 5;
  CHECK(bench.Commit(late) == "ignored: overtaken");

  CHECK(bench.Show(kLines) == "m1|conn|7|active|2026-03-17T12:00:10Z");
}

TEST_CASE("lines: traffic brings a line back only when it is the later one") {
  StoreBench bench;
  bench.Install("m1");
  REQUIRE(bench.Do("m1", Created(1)) == "accepted");
  bench.clock.Advance(std::chrono::seconds(10));
  REQUIRE(bench.Do("m1", Disconnected("conn", 7)) == "accepted");

  Plan overtaken = bench.PlanOf("m1", {Created(2)});
  overtaken.journal.ts = *overtaken.journal.ts - 5;
  CHECK(bench.Commit(overtaken) == "accepted");
  CHECK(bench.Show(kLines) == "m1|conn|7|disconnected|2026-03-17T12:00:10Z");

  bench.clock.Advance(std::chrono::seconds(10));
  CHECK(bench.Do("m1", Created(3)) == "accepted");
  CHECK(bench.Show(kLines) == "m1|conn|7|active|2026-03-17T12:00:20Z");
}

TEST_CASE("lines: a LineDelete marks every connector's line of that number") {
  StoreBench bench;
  bench.Install("m1");
  bench.Install("m2", 'b');
  REQUIRE(bench.Do("m1", Created(1)) == "accepted");
  REQUIRE(bench.Do("m1", Created(1, PlaceOf("other"))) == "accepted");
  REQUIRE(bench.Do("m1", Created(1, PlaceOf("conn", 8))) == "accepted");
  REQUIRE(bench.Do("m2", Created(1)) == "accepted");

  CHECK(bench.Do("m1", LineDeleted{LineId(7)}) == "accepted");
  CHECK(bench.Do("m1", LineDeleted{LineId(7)}) == "ignored: already_deleted");
  CHECK(bench.Do("m1", Disconnected("conn", 7)) == "ignored: already_deleted");

  CHECK(bench.Show("SELECT member_id, connector, line_id, status FROM lines ORDER BY 1, 2, 3") ==
        "m1|conn|7|deleted\nm1|conn|8|active\nm1|other|7|deleted\nm2|conn|7|active");
  CHECK(bench.Show("SELECT member_id, connector, line_id FROM deliveries "
                   "WHERE kind = 'line.deleted' ORDER BY 2") == "m1|conn|7\nm1|other|7");
}

TEST_CASE("lines: a LineDelete of a line without traffic names no connector") {
  StoreBench bench;
  bench.Install("m1");

  CHECK(bench.Do("m1", LineDeleted{LineId(7)}) == "accepted");
  CHECK(bench.Do("m1", LineDeleted{LineId(7)}) == "ignored: already_deleted");

  CHECK(bench.Show(kLines) == "m1|NULL|7|deleted|2026-03-17T12:00:00Z");
  CHECK(bench.Show("SELECT connector, line_id, kind FROM deliveries WHERE kind LIKE 'line.%'") ==
        "NULL|7|line.deleted");
}

TEST_CASE("lines: dialogs are delivered, with no message row") {
  StoreBench bench;
  bench.Install("m1");

  CHECK(bench.Do("m1", DialogChanged{PlaceOf(), true, "{}"}) == "accepted");
  CHECK(bench.Do("m1", DialogChanged{PlaceOf(), false, "{}"}) == "accepted");

  CHECK(bench.Show("SELECT kind, external_chat_id, external_message_id FROM deliveries "
                   "WHERE kind LIKE 'dialog.%' ORDER BY id") ==
        "dialog.started|chat-1|NULL\ndialog.finished|chat-1|NULL");
  CHECK(bench.Show("SELECT count(*) FROM messages") == "0");
  CHECK(bench.Show(kLines) == "m1|conn|7|active|2026-03-17T12:00:00Z");
}

}  // namespace
}  // namespace imrelay
