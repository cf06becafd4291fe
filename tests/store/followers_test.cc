#include <doctest/doctest.h>

#include "tests/store/channel_store_bench.h"
#include "tests/store/outbox_bench.h"

// What waits behind a message: its edits and its deletion, when the message itself ends otherwise
// than well, or nobody knows how.

namespace imrelay {
namespace {

using Verdict = Settlement::Verdict;

constexpr const char* kDeliveries =
    "SELECT kind, state, last_error FROM deliveries WHERE kind LIKE 'incoming.%' ORDER BY id";

std::string Tell(OutboxBench& bench, std::string_view kind) {
  ChannelRequest request;
  request.now = bench.clock.Now();
  return ChannelStoreBench::Word(
      bench.sqlite().QueueIncoming(request, ChannelStoreBench::Told(kind, "in-1")));
}

TEST_CASE("followers: a client's message that may have arrived is deleted for certain") {
  OutboxBench bench;
  REQUIRE(Tell(bench, kind::kIncomingCreated) != "");
  Settlement later = bench.Later(bench.TakeOne(Target::kPortal));
  later.maybe_done = true;
  bench.Settle(later);

  REQUIRE(Tell(bench, kind::kIncomingDeleted) != "");

  CHECK(bench.Show("SELECT kind, state FROM deliveries WHERE kind LIKE 'incoming.%' "
                   "ORDER BY id") == "incoming.created|pending\nincoming.deleted|pending");
  CHECK(bench.Show("SELECT outcome FROM messages") == "pending");
}

TEST_CASE("followers: a client's message deleted while it is sent is not sent again") {
  for (const bool maybe_done : {false, true}) {
    CAPTURE(maybe_done);
    OutboxBench bench;
    REQUIRE(Tell(bench, kind::kIncomingCreated) != "");
    REQUIRE(Tell(bench, kind::kIncomingUpdated) != "");
    const Delivery sending = bench.TakeOne(Target::kPortal);
    REQUIRE(Tell(bench, kind::kIncomingDeleted) != "");

    Settlement later = bench.Later(sending);
    later.maybe_done = maybe_done;
    bench.Settle(later);

    const std::string ends =
        "incoming.created|cancelled|message_deleted\n"
        "incoming.updated|cancelled|message_deleted\n";
    CHECK(bench.Show(kDeliveries) == ends + (maybe_done ? "incoming.deleted|pending|NULL"
                                                        : "incoming.deleted|cancelled|never_sent"));
    CHECK(bench.Show("SELECT outcome FROM messages") == (maybe_done ? "pending" : "cancelled"));
    const std::vector<Delivery> left = bench.Take(Target::kPortal);
    REQUIRE(left.size() == (maybe_done ? 1 : 0));
  }
}

TEST_CASE("followers: behind a client's message that failed for good nothing is sent") {
  OutboxBench bench;
  REQUIRE(Tell(bench, kind::kIncomingCreated) != "");
  REQUIRE(Tell(bench, kind::kIncomingUpdated) != "");
  const Delivery sending = bench.TakeOne(Target::kPortal);
  REQUIRE(Tell(bench, kind::kIncomingDeleted) != "");

  Settlement failed = bench.After(sending, Verdict::kFailed);
  failed.reason = "no";
  bench.Settle(failed);

  CHECK(bench.Show(kDeliveries) ==
        "incoming.created|failed|no\nincoming.updated|cancelled|message_failed\n"
        "incoming.deleted|cancelled|never_sent");
  CHECK(bench.Show("SELECT outcome FROM messages") == "cancelled");
  CHECK(bench.Take(Target::kPortal).empty());
}

TEST_CASE("followers: what failed but may have arrived is still edited and deleted") {
  OutboxBench bench;
  REQUIRE(Tell(bench, kind::kIncomingCreated) != "");
  REQUIRE(Tell(bench, kind::kIncomingUpdated) != "");
  const Delivery sending = bench.TakeOne(Target::kPortal);
  REQUIRE(Tell(bench, kind::kIncomingDeleted) != "");

  Settlement failed = bench.After(sending, Verdict::kFailed);
  failed.maybe_done = true;
  bench.Settle(failed);

  bench.Done(bench.TakeOne(Target::kPortal));
  const Delivery deletion = bench.TakeOne(Target::kPortal);
  CHECK(deletion.kind == kind::kIncomingDeleted);
}

TEST_CASE("followers: an edit of a message that failed for good is not sent, then or later") {
  OutboxBench bench;
  REQUIRE(bench.Do("m1", Created(1)) == "accepted");
  REQUIRE(bench.Do("m1", Updated(1, {})) == "accepted");
  Settlement failed = bench.After(bench.TakeOne(), Verdict::kFailed);
  failed.reason = "no";
  bench.Settle(failed);

  CHECK(bench.Show("SELECT state, last_error FROM deliveries WHERE kind = 'message.updated'") ==
        "cancelled|message_failed");
  REQUIRE(bench.Do("m1", Updated(1, {})) == "accepted");
  CHECK(bench.Take().empty());
  CHECK(bench.Show("SELECT DISTINCT state, last_error FROM deliveries "
                   "WHERE kind = 'message.updated'") == "cancelled|message_failed");
}

TEST_CASE("followers: an edit of a message that failed but may have arrived is sent") {
  for (const bool made : {false, true}) {
    CAPTURE(made);
    OutboxBench bench;
    REQUIRE(bench.Do("m1", Created(1)) == "accepted");
    REQUIRE(bench.Do("m1", Updated(1, {})) == "accepted");
    Settlement failed = bench.After(bench.TakeOne(), Verdict::kFailed);
    failed.maybe_done = !made;
    if (made) failed.external_ids.emplace_back("a");
    bench.Settle(failed);

    CHECK(bench.TakeOne().kind == kind::kMessageUpdated);
  }
}

TEST_CASE("followers: an edit that comes again later does not hold up the deletion") {
  for (const bool named : {false, true}) {
    CAPTURE(named);
    OutboxBench bench;
    REQUIRE(bench.Do("m1", Created(1)) == "accepted");
    bench.Done(bench.TakeOne(), named ? std::vector<std::string>{"a"} : std::vector<std::string>());
    REQUIRE(bench.Do("m1", Updated(1, {})) == "accepted");
    const Delivery edit = bench.TakeOne();
    REQUIRE(bench.Do("m1", Deleted(1, {})) == "accepted");

    bench.Settle(bench.Later(edit));

    CHECK(bench.Show("SELECT state, last_error FROM deliveries WHERE kind = 'message.updated'") ==
          "cancelled|message_deleted");
    CHECK(bench.TakeOne().kind == kind::kMessageDeleted);
  }
}

TEST_CASE("followers: an edit goes to every id that its message gets") {
  OutboxBench bench;
  REQUIRE(bench.Do("m1", Created(1)) == "accepted");
  const Delivery sending = bench.TakeOne();
  REQUIRE(bench.Do("m1", Updated(1, {})) == "accepted");
  bench.Done(sending, {"a", "b", "c"});

  for (const char* id : {"a", "b", "c"}) {
    const Delivery edit = bench.TakeOne();
    CHECK(edit.kind == kind::kMessageUpdated);
    CHECK(edit.external_message_id == ExternalMessageId(id));
    CHECK(edit.payload == R"({"text":"edited"})");
    bench.Done(edit);
  }
  CHECK(bench.Take().empty());
}

TEST_CASE("followers: what two senders made of one message is known and deleted") {
  OutboxBench bench;
  REQUIRE(bench.Do("m1", Created(1)) == "accepted");
  const Delivery first = bench.TakeOne();
  bench.clock.Advance(kLeaseTime);
  const std::vector<Delivery> second = bench.Take(Target::kChannel, 1, 22);
  REQUIRE(second.size() == 1);

  bench.Done(first, {"a"});
  bench.Done(second.front(), {"b"});

  CHECK(bench.Show("SELECT external_message_id FROM messages ORDER BY 1") == "a\nb");
  REQUIRE(bench.Do("m1", Deleted(1, {"a"})) == "accepted");
}

TEST_CASE("followers: a line's own events wait for nothing of another line") {
  OutboxBench bench;
  REQUIRE(bench.Do("m1", Created(1, PlaceOf("conn", 1))) == "accepted");
  REQUIRE(bench.Do("m1", Created(2, PlaceOf("conn", 2))) == "accepted");
  for (const Delivery& delivery : bench.Take()) bench.Done(delivery);
  bench.clock.Advance(std::chrono::seconds(1));
  REQUIRE(bench.Do("m1", LineDisconnected{ConnectorId("conn"), LineId(1)}) == "accepted");
  REQUIRE(bench.Do("m1", LineDisconnected{ConnectorId("conn"), LineId(2)}) == "accepted");
  REQUIRE(bench.Do("m1", LineDeleted{LineId(1)}) == "accepted");

  // The first line's channel is off, so nobody asks for what is its.
  const Result<std::vector<ReadyQueue>> ready = bench.outbox().FindReady(Target::kChannel);
  REQUIRE(ready.has_value());
  std::vector<std::int64_t> lines;
  for (const ReadyQueue& queue : *ready) lines.push_back(queue.line.value());
  CHECK(lines == std::vector<std::int64_t>{1, 2});
  // And the order of one line's events holds.
  CHECK(bench.Take().size() == 2);
  // A delivery of the release before takes the same lane.
  RawDatabase raw(bench.path());
  REQUIRE(
      raw.Execute("INSERT INTO delivery (portal_id, line_key, kind, due_at_ms, created_at) "
                  "VALUES (1, 2, 'line.deleted', 0, 0)"));
  CHECK(bench.Show("SELECT count(DISTINCT lane), count(*) FROM delivery "
                   "WHERE line_key = 2 AND chat_key IS NULL") == "1|2");
}

}  // namespace
}  // namespace imrelay
