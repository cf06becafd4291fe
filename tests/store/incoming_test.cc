#include <doctest/doctest.h>

#include "tests/store/channel_store_bench.h"

// What the client wrote, edited and deleted: told by the channel, to be told to Bitrix24.

namespace imrelay {
namespace {

constexpr const char* kRows =
    "SELECT external_message_id, message_id, direction, deleted_at IS NOT NULL, outcome "
    "FROM messages ORDER BY 1, 2";
constexpr const char* kDeliveries =
    "SELECT id, kind, external_message_id, state, last_error FROM deliveries ORDER BY id";

TEST_CASE(
    "incoming: a message is queued for Bitrix24, and stands in the mapping without a number") {
  ChannelStoreBench bench;

  CHECK(bench.Create("in-1") == "1");

  CHECK(bench.Show("SELECT member_id, connector, line_id, chat_id, message_id, external_chat_id, "
                   "external_message_id, direction FROM messages") ==
        "m1|conn|7|NULL|NULL|chat-1|in-1|in");
  CHECK(bench.Show(kDeliveries) == "1|incoming.created|in-1|pending|NULL");
  CHECK(bench.Show("SELECT target, lane = chat_key, head, payload FROM delivery") ==
        R"(2|1|1|{"m":1})");
}

TEST_CASE("incoming: the same message again is the same delivery") {
  ChannelStoreBench bench;
  REQUIRE(bench.Create("in-1") == "1");

  CHECK(bench.Create("in-1") == "1 again");

  CHECK(bench.Show("SELECT count(*) FROM deliveries") == "1");
}

TEST_CASE("incoming: the same id in another chat is another message") {
  ChannelStoreBench bench;
  REQUIRE(bench.Create("1") == "1");

  CHECK(bench.Queue(ChannelStoreBench::Told(kind::kIncomingCreated, "1", "chat-2")) == "2");

  CHECK(bench.Show("SELECT external_chat_id FROM messages ORDER BY 1") == "chat-1\nchat-2");
}

TEST_CASE("incoming: what the operator wrote does not come back as the client's") {
  ChannelStoreBench bench;
  REQUIRE(bench.Do("m1", Updated(11, {"out-1"})) == "accepted");

  CHECK(bench.Create("out-1") == "0 again");
  CHECK(bench.Update("out-1") == "not_found unknown_message");
  CHECK(bench.Delete("out-1") == "not_found unknown_message");
}

TEST_CASE("incoming: an edit and a deletion follow the message in its chat") {
  ChannelStoreBench bench;
  REQUIRE(bench.Create("in-1") == "1");
  bench.End(1, "done");

  CHECK(bench.Update("in-1") == "2");
  CHECK(bench.Delete("in-1") == "3");

  CHECK(bench.Show(kDeliveries) ==
        "1|incoming.created|in-1|done|NULL\n2|incoming.updated|in-1|pending|NULL\n"
        "3|incoming.deleted|in-1|pending|NULL");
  CHECK(bench.Show("SELECT delivery_id FROM delivery WHERE head = 1") == "2");
  CHECK(bench.Show(kRows) == "in-1|NULL|in|1|pending");
  CHECK(bench.Delete("in-1") == "3 again");
  CHECK(bench.Update("in-1") == "conflict message_deleted");
  CHECK(bench.Create("in-1") == "3 again");
}

TEST_CASE("incoming: deleting what was never sent cancels the sending and its edits") {
  for (const char* state : {"pending", "failed", "cancelled"}) {
    CAPTURE(state);
    ChannelStoreBench bench;
    REQUIRE(bench.Create("in-1") == "1");
    REQUIRE(bench.Update("in-1") == "2");
    if (std::string(state) != "pending") bench.End(1, state);

    CHECK(bench.Delete("in-1") == "1");

    CHECK(bench.Show("SELECT count(*) FROM deliveries WHERE kind = 'incoming.deleted'") == "0");
    CHECK(bench.Show("SELECT state FROM deliveries WHERE id = 1") == "cancelled");
    if (std::string(state) != "cancelled") {
      CHECK(bench.Show("SELECT state, last_error FROM deliveries WHERE id = 2") ==
            "cancelled|message_deleted");
    }
    CHECK(bench.Show(kRows) == "in-1|NULL|in|1|cancelled");
  }
}

TEST_CASE("incoming: what may have been sent is deleted after it") {
  for (const char* may :
       {"state = 'leased', leased_by = 1, leased_until_ms = 1", "maybe_done = 1"}) {
    CAPTURE(may);
    ChannelStoreBench bench;
    REQUIRE(bench.Create("in-1") == "1");
    REQUIRE(bench.raw().Execute(std::string("UPDATE delivery SET ") + may));

    CHECK(bench.Delete("in-1") == "2");

    CHECK(bench.Show("SELECT delivery_id, head FROM delivery ORDER BY 1") == "1|1\n2|0");
    CHECK(bench.Show(kRows) == "in-1|NULL|in|1|pending");
  }
}

TEST_CASE("incoming: what cannot be taken is refused and changes nothing") {
  ChannelStoreBench bench;
  bench.Post("m2", 'b');
  bench.Install("m3", 'c');
  REQUIRE(bench.Do("m3", PortalUninstalled{}) == "accepted");
  IncomingMessage message = ChannelStoreBench::Told(kind::kIncomingCreated, "in-1");

  message.member_id = MemberId("nobody");
  CHECK(bench.Queue(message) == "not_found unknown_portal");
  message.member_id = MemberId("m2");
  CHECK(bench.Queue(message) == "not_found unknown_portal");
  message.member_id = MemberId("m3");
  CHECK(bench.Queue(message) == "conflict uninstalled");
  CHECK(bench.Update("never") == "not_found unknown_message");
  CHECK(bench.Delete("never") == "not_found unknown_message");

  CHECK(bench.Show("SELECT count(*) FROM messages") == "0");
  CHECK(bench.Show("SELECT count(*) FROM lines") == "0");
}

TEST_CASE("incoming: a repeated key gives the first answer, and another content is refused") {
  ChannelStoreBench bench;
  const IncomingMessage first = ChannelStoreBench::Told(kind::kIncomingCreated, "in-1");
  const IncomingMessage second = ChannelStoreBench::Told(kind::kIncomingCreated, "in-2");
  REQUIRE(bench.Queue(bench.RequestOf('k'), first) == "1");

  CHECK(bench.Queue(bench.RequestOf('k'), first) == "1 again");
  CHECK(bench.Queue(bench.RequestOf('k', 'd'), second) == "conflict idempotency_key");
  CHECK(bench.Queue(bench.RequestOf('l', 'd'), second) == "2");
}

TEST_CASE("incoming: a refused request leaves its key free") {
  ChannelStoreBench bench;
  const IncomingMessage edit = ChannelStoreBench::Told(kind::kIncomingUpdated, "in-1");
  REQUIRE(bench.Queue(bench.RequestOf('k'), edit) == "not_found unknown_message");
  REQUIRE(bench.Create("in-1") == "1");

  CHECK(bench.Queue(bench.RequestOf('k'), edit) == "2");
}

TEST_CASE("incoming: keys are forgotten after their time, a few at each new one") {
  ChannelStoreBench bench;
  for (char key = 'a'; key < 'k'; ++key) {
    bench.Queue(bench.RequestOf(key), ChannelStoreBench::Told(kind::kIncomingCreated, {key}));
  }
  bench.clock.Advance(kIdempotencyTime + std::chrono::hours(1));

  bench.Queue(bench.RequestOf('x'), ChannelStoreBench::Told(kind::kIncomingCreated, "x"));
  CHECK(bench.Show("SELECT count(*) FROM channel_request") == "7");
  bench.Queue(bench.RequestOf('y'), ChannelStoreBench::Told(kind::kIncomingCreated, "y"));
  bench.Queue(bench.RequestOf('z'), ChannelStoreBench::Told(kind::kIncomingCreated, "z"));

  CHECK(bench.Show("SELECT count(*) FROM channel_request") == "3");
}

TEST_CASE("incoming: the channel's word does not open a line that Bitrix24 closed") {
  ChannelStoreBench bench;
  REQUIRE(bench.Do("m1", Created(11)) == "accepted");
  REQUIRE(bench.Do("m1", LineDisconnected{ConnectorId("conn"), LineId(7)}) == "accepted");
  bench.clock.Advance(std::chrono::minutes(1));

  CHECK(bench.Create("in-1") != "");

  CHECK(bench.Show("SELECT status FROM lines") == "disconnected");
}

TEST_CASE("incoming: a deletion in Bitrix24 gives the client's message its number") {
  ChannelStoreBench bench;
  REQUIRE(bench.Create("in-1") == "1");
  bench.End(1, "done");
  const std::string created_at = bench.Show("SELECT created_at FROM messages");
  bench.clock.Advance(std::chrono::hours(1));

  CHECK(bench.Do("m1", Deleted(77, {"in-1"})) == "accepted");

  CHECK(bench.Show("SELECT chat_id, message_id, external_message_id, direction, outcome "
                   "FROM messages") == "1807|77|in-1|in|pending");
  CHECK(bench.Show("SELECT created_at FROM messages") == created_at);
  CHECK(bench.Show("SELECT kind, external_message_id FROM deliveries WHERE id = 2") ==
        "message.deleted|in-1");
  CHECK(bench.Create("in-1") == "0 again");
  CHECK(bench.Delete("in-1") == "0 again");
}

TEST_CASE("incoming: what Bitrix24 deleted is not sent there again") {
  ChannelStoreBench bench;
  REQUIRE(bench.Create("in-1") == "1");
  REQUIRE(bench.raw().Execute("UPDATE delivery SET maybe_done = 1, attempts = 1"));

  REQUIRE(bench.Do("m1", Deleted(77, {"in-1"})) == "accepted");

  CHECK(bench.Show("SELECT state, last_error FROM deliveries WHERE id = 1") ==
        "cancelled|message_deleted");
}

TEST_CASE("incoming: a deletion of another chat's id takes nothing") {
  ChannelStoreBench bench;
  REQUIRE(bench.Create("in-1") == "1");

  REQUIRE(bench.Do("m1", Deleted(77, {"in-1"}, PlaceOf("conn", 7, "chat-2"))) == "accepted");

  CHECK(bench.Show(kRows) == "in-1|NULL|in|0|NULL\nin-1|77|NULL|1|pending");
}

}  // namespace
}  // namespace imrelay
