#include <doctest/doctest.h>

#include "codec/form.h"
#include "codec/json.h"
#include "tests/ingest/ingest_bench.h"

// The same event, posted and from the offline queue, is one event.

namespace imrelay {
namespace {

constexpr std::int64_t kNow = 1773750000;

struct Bench : IngestBench {
  Bench() { InstallPortal(); }

  // An event of the offline queue that was written at a second after kNow.
  std::string Queue(const std::string& event, Tree data, std::int64_t second,
                    bool overtaken = false) {
    UnpostedEvent unposted;
    unposted.member_id = MemberId("m1");
    unposted.name = event;
    unposted.data = std::move(data);
    unposted.ts = kNow + second;
    unposted.overtaken = overtaken;
    return WordOf(ingest.TakeUnposted(unposted));
  }
  std::string QueueEdit(const std::string& text, std::int64_t second, bool overtaken = false) {
    return Queue("ONIMCONNECTORMESSAGEUPDATE", DataIn(DataOf(5, "x", text)), second, overtaken);
  }
  std::string QueueDeletion(std::int64_t second, const std::string& id = "x") {
    return Queue("ONIMCONNECTORMESSAGEDELETE", DataIn(DataOf(5, id, "")), second);
  }
  std::string PostEdit(const std::string& text, std::int64_t second) {
    return IngestBench::Post(
        Posted{"ONIMCONNECTORMESSAGEUPDATE", DataOf(5, "x", text), kNow + second});
  }
  std::string PostDeletion(std::int64_t second) {
    return IngestBench::Post(
        Posted{"ONIMCONNECTORMESSAGEDELETE", DataOf(5, "x", ""), kNow + second});
  }
  static Tree DataIn(const std::string& form) {
    Result<Tree> tree = ParseForm(form);
    REQUIRE(tree.has_value());
    return *tree->Find("data");
  }
  // The texts of the edits that are to be sent, in order.
  std::string Edits() {
    return Show(
        "SELECT group_concat(json_extract(payload, '$.text'), ' ') FROM (SELECT payload "
        "FROM delivery WHERE kind = 'message.updated' ORDER BY delivery_id)");
  }
  std::string Tally() {
    return Show("SELECT what, received FROM tally WHERE what LIKE 'deletion%' ORDER BY 1");
  }
};

TEST_CASE("likeness: what was posted is known again in the queue, and the other way round") {
  Bench bench;

  CHECK(bench.PostEdit("A", 0) == "accepted");
  CHECK(bench.QueueEdit("A", 2) == "duplicate");
  CHECK(bench.QueueEdit("B", 10) == "accepted");
  CHECK(bench.PostEdit("B", 9) == "duplicate");

  CHECK(bench.Edits() == "A B");
  CHECK(bench.Show("SELECT source, count(*) FROM events WHERE event LIKE 'ONIM%' GROUP BY 1") ==
        "offline|1\nwebhook|1");
}

TEST_CASE("likeness: two minutes apart are one event, more are two") {
  Bench bench;
  CHECK(bench.PostEdit("A", 0) == "accepted");
  CHECK(bench.QueueEdit("A", kLongestLikeness) == "duplicate");
  CHECK(bench.QueueEdit("A", kLongestLikeness + 1) == "accepted");
  CHECK(bench.QueueEdit("B", 1000) == "accepted");
  CHECK(bench.PostEdit("B", 1000 + kLongestLikeness) == "duplicate");
  CHECK(bench.PostEdit("B", 1000 + kLongestLikeness + 1) == "accepted");
}

TEST_CASE("likeness: the queue read again after a crash changes nothing") {
  Bench bench;
  CHECK(bench.QueueEdit("A", 0) == "accepted");
  CHECK(bench.QueueEdit("A", 0) == "duplicate");
  CHECK(bench.QueueDeletion(5) == "accepted");
  CHECK(bench.QueueDeletion(5) == "duplicate");
  CHECK(bench.Show("SELECT count(*) FROM events WHERE source = 'offline'") == "2");
}

TEST_CASE("likeness: an edit back to an older text is one of its own") {
  Bench bench;
  CHECK(bench.PostEdit("A", 0) == "accepted");

  SUBCASE("when the one between was posted") {
    CHECK(bench.PostEdit("B", 10) == "accepted");
    CHECK(bench.QueueEdit("B", 10) == "duplicate");
  }
  SUBCASE("when the one between was lost") { CHECK(bench.QueueEdit("B", 10) == "accepted"); }
  // The queue has one row of both, with the time of the last.
  CHECK(bench.QueueEdit("A", 20) == "accepted");
  CHECK(bench.PostEdit("A", 20) == "duplicate");

  CHECK(bench.Edits() == "A B A");
}

TEST_CASE("likeness: an edit back that is posted is one of its own too") {
  Bench bench;
  CHECK(bench.QueueEdit("A", 0) == "accepted");
  CHECK(bench.PostEdit("B", 10) == "accepted");
  CHECK(bench.PostEdit("A", 20) == "accepted");
  // Late, of the very first.
  CHECK(bench.PostEdit("A", 0) == "duplicate");
  CHECK(bench.Edits() == "A B A");
}

TEST_CASE("likeness: an edit between is one of the same message") {
  Bench bench;
  CHECK(bench.PostEdit("A", 0) == "accepted");
  CHECK(bench.IngestBench::Post(
            Posted{"ONIMCONNECTORMESSAGEUPDATE", DataOf(6, "y", "B"), kNow + 10}) == "accepted");
  CHECK(bench.QueueEdit("A", 20) == "duplicate");
}

TEST_CASE("likeness: an old edit does not take the place of a newer one") {
  Bench bench;
  CHECK(bench.PostEdit("B", 10) == "accepted");

  CHECK(bench.QueueEdit("A", 5) == "ignored: newer_edit_known");
  // Of one second, the queue tells which is the last.
  CHECK(bench.QueueEdit("C", 10, true) == "ignored: newer_edit_known");
  CHECK(bench.QueueEdit("D", 10) == "accepted");
  CHECK(bench.Edits() == "B D");
}

TEST_CASE("likeness: JSON's numbers and booleans are the form's texts") {
  Bench bench;
  const std::string more =
      "&data[MESSAGES][0][message][a]=1&data[MESSAGES][0][message][b]=0"
      "&data[MESSAGES][0][message][c]=&data[MESSAGES][0][message][d]=1.5";
  REQUIRE(bench.IngestBench::Post(Posted{"ONIMCONNECTORMESSAGEADD", DataOf(5) + more, kNow}) ==
          "accepted");
  const Result<Tree> json = ParseJson(
      R"({"data":{"LINE":7,"CONNECTOR":"Conn","MESSAGES":[{"message":{"text":"hello","a":true,
          "b":false,"c":"","d":1.5,"none":null,"files":[],"more":{"none":null}},
          "im":{"message_id":5,"chat_id":1807},"chat":{"id":"chat-1"}}]}})");
  REQUIRE(json.has_value());

  CHECK(bench.Queue("ONIMCONNECTORMESSAGEADD", *json->Find("data"), 1) == "duplicate");
}

TEST_CASE("likeness: a bare number is the data of a deleted line") {
  Bench bench;
  REQUIRE(bench.IngestBench::Post(Posted{"ONIMCONNECTORLINEDELETE", "data=107", kNow}) ==
          "accepted");
  CHECK(bench.Queue("ONIMCONNECTORLINEDELETE", Tree("107"), 1) == "duplicate");
}

TEST_CASE("likeness: whoever saw a deletion first is counted, and whether it was posted later") {
  Bench bench;
  REQUIRE(bench.PostEdit("A", 0) == "accepted");

  SUBCASE("posted first") {
    CHECK(bench.PostDeletion(10) == "accepted");
    CHECK(bench.QueueDeletion(10) == "duplicate");
    CHECK(bench.Tally() == "deletion|1");
  }
  SUBCASE("lost") {
    CHECK(bench.QueueDeletion(10) == "accepted");
    CHECK(bench.Tally() == "deletion|1\ndeletion_offline|1");
  }
  SUBCASE("posted late, and twice") {
    CHECK(bench.QueueDeletion(10) == "accepted");
    CHECK(bench.PostDeletion(9) == "duplicate");
    CHECK(bench.PostDeletion(9) == "duplicate");
    CHECK(bench.Tally() == "deletion|1\ndeletion_late|1\ndeletion_offline|1");
  }
  SUBCASE("posted with another time") {
    CHECK(bench.QueueDeletion(10) == "accepted");
    CHECK(bench.PostDeletion(5000) == "ignored: already_deleted");
    CHECK(bench.Tally() == "deletion|1\ndeletion_late|1\ndeletion_offline|1");
  }
  SUBCASE("spooled") {
    Claimed claimed;
    const Posted posted{"ONIMCONNECTORMESSAGEDELETE", DataOf(5, "x", ""), kNow + 10};
    CHECK(bench.Receive(bench.ingest, posted.Body(), claimed, EventSource::kSpool).has_value());
    CHECK(bench.PostDeletion(10) == "duplicate");
    CHECK(bench.Tally() == "deletion|1\ndeletion_spool|1");
  }
}

TEST_CASE("likeness: an event of the queue is no word about the token of events") {
  Bench bench;
  // The former token counts until an event comes with the new one.
  bench.InstallPortal("token-b", kNow);
  REQUIRE(bench.PortalOf("m1").previous_token.has_value());

  CHECK(bench.QueueDeletion(10) == "accepted");
  CHECK(bench.PortalOf("m1").previous_token.has_value());
}

TEST_CASE("likeness: what cannot be used is journalled, and no portal is ended by its queue") {
  Bench bench;
  CHECK(bench.Queue("ONIMCONNECTORMESSAGEDELETE", Tree("nonsense"), 0) == "ignored: no_connector");
  CHECK(bench.Queue("ONAPPUNINSTALL", Tree(), 0) == "ignored: not_posted");
  CHECK(bench.Queue("<script>", Tree(), 0) == "ignored: no_event");
  CHECK(bench.Show("SELECT status FROM portals") == "active");
  CHECK(bench.Show("SELECT count(*) FROM events WHERE status = 'ignored'") == "3");
}

TEST_CASE("likeness: a queue that has something is due, for the owner of the token alone") {
  Bench bench;
  const auto due = [&] { return bench.Show("SELECT offline_due_at FROM portal"); };
  REQUIRE(bench.sqlite().BeginOfflineRead(bench.clock.Now(), FromUnixSeconds(4000000000)));
  REQUIRE(due() == "4000000000");

  CHECK(bench.IngestBench::Post(Posted{"ONOFFLINEEVENT", "", kNow, "m1", "forged"}) ==
        "wrong_token");
  CHECK(due() == "4000000000");
  CHECK(bench.IngestBench::Post(Posted{"ONOFFLINEEVENT", "", kNow}) == "accepted");
  CHECK(due() == std::to_string(UnixSeconds(bench.clock.Now()) + kOfflinePauseSeconds));
}

TEST_CASE("likeness: what was taken from queues is known for a while and not for ever") {
  Bench bench;
  CHECK(bench.QueueEdit("A", 0) == "accepted");
  CHECK(bench.Show("SELECT count(*) FROM offline_event") == "1");

  bench.clock.Advance(std::chrono::seconds(kLikenessKeptSeconds + 1));
  CHECK(bench.QueueEdit("B", 300000) == "accepted");
  CHECK(bench.Show("SELECT count(*) FROM offline_event") == "1");
}

}  // namespace
}  // namespace imrelay
