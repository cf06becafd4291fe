#include <doctest/doctest.h>

#include "tests/store/outbox_bench.h"

// What an uninstallation, or the removal of a portal, leaves to be sent.

namespace imrelay {
namespace {

std::string StateOf(OutboxBench& bench, const Delivery& delivery) {
  return bench.Show("SELECT state FROM deliveries WHERE id = " +
                    std::to_string(delivery.id.value()));
}

TEST_CASE("outbox: confirmations wait for nothing and go to the portal while it is there") {
  OutboxBench bench;
  for (int i = 1; i <= 3; ++i) {
    REQUIRE(bench.Do("m1", Created(i)) == "accepted");
    bench.Done(bench.TakeOne(), {"id-" + std::to_string(i)});
  }

  const std::vector<Delivery> confirms = bench.Take(Target::kConfirmation);
  REQUIRE(confirms.size() == 3);
  CHECK(confirms[0].payload == R"({"ids":["id-1"],"date":1773748800})");
  CHECK(confirms[0].message_id == MessageId(1));
  CHECK(confirms[0].chat_id == ChatId(1807));
  bench.Settle(bench.Later(confirms[0]));
  REQUIRE(bench.Do("m1", Created(4)) == "accepted");
  const Delivery sending = bench.TakeOne();
  REQUIRE(bench.Do("m1", PortalUninstalled{}) == "accepted");

  CHECK(bench.Show("SELECT DISTINCT state, last_error FROM deliveries WHERE kind = 'confirm'") ==
        "cancelled|portal_uninstalled");
  bench.Done(sending, {"id-4"});
  CHECK(bench.Take(Target::kConfirmation).empty());
  bench.Settle(bench.After(confirms[1], Settlement::Verdict::kDone));
  CHECK(StateOf(bench, confirms[1]) == "cancelled");
}

TEST_CASE("outbox: an uninstallation cancels the clients' messages, and deletions still go") {
  for (const bool clean : {false, true}) {
    CAPTURE(clean);
    OutboxBench bench;
    REQUIRE(bench.Do("m1", Created(1)) == "accepted");
    bench.Done(bench.TakeOne(), {"a"});
    REQUIRE(bench.Do("m1", Deleted(1, {"a"})) == "accepted");
    RawDatabase raw(bench.path());
    REQUIRE(raw.Execute(
        "INSERT INTO incoming_message VALUES ('in', 1, 1, 1, 10, NULL, 20, 'pending');"
        "INSERT INTO channel_request VALUES (x'01', x'02', 1, 0);"
        "INSERT INTO delivery (portal_id, line_key, chat_key, kind, due_at_ms, created_at, target,"
        " queue, lane, head, external_message_id) VALUES"
        " (1, 1, 1, 'incoming.created', 0, 0, 2, 1, 1, 1, 'in'),"
        " (1, 1, 1, 'incoming.deleted', 0, 0, 2, 1, 1, 0, 'in')"));

    REQUIRE(bench.Do("m1", PortalUninstalled{clean}) == "accepted");

    CHECK(bench.Take(Target::kPortal).empty());
    bench.FinishErasures();
    if (!clean) {
      CHECK(bench.Show("SELECT DISTINCT state FROM delivery WHERE target > 0") == "cancelled");
      CHECK(bench.Show("SELECT outcome FROM incoming_message") == "cancelled");
    } else {
      CHECK(bench.Show("SELECT count(*) FROM delivery WHERE target > 0") == "0");
      CHECK(bench.Show("SELECT count(*) FROM incoming_message") == "0");
      CHECK(bench.Show("SELECT count(*) FROM channel_request") == "0");
      CHECK(bench.Show("SELECT count(*) FROM tally") == "0");
      CHECK(bench.Show("SELECT count(*) FROM messages") == "0");
      CHECK(bench.Show("SELECT count(*) FROM attempt WHERE delivery_id NOT IN "
                       "(SELECT delivery_id FROM delivery)") == "0");
    }
    const std::vector<Delivery> left = bench.Take();
    REQUIRE(left.size() == 2);
    CHECK(left[0].kind == "portal.uninstalled");
    CHECK(left[0].portal_status == PortalStatus::kUninstalled);
    CHECK(left[1].kind == "message.deleted");
    for (const Delivery& delivery : left) bench.Done(delivery);
    CHECK(bench.Take().empty());
  }
}

TEST_CASE("outbox: what is being sent tells its deletion the ids, though all else is erased") {
  OutboxBench bench;
  REQUIRE(bench.Do("m1", Created(1)) == "accepted");
  REQUIRE(bench.Do("m1", Created(2, PlaceOf("conn", 7, "chat-2"))) == "accepted");
  const std::vector<Delivery> sending = bench.Take();
  REQUIRE(sending.size() == 2);
  REQUIRE(bench.Do("m1", Deleted(1, {})) == "accepted");

  REQUIRE(bench.Do("m1", PortalUninstalled{true}) == "accepted");
  bench.FinishErasures();

  CHECK(bench.Show("SELECT kind, state, payload FROM delivery WHERE kind LIKE 'message.%' "
                   "ORDER BY 1") == "message.created|leased|NULL\nmessage.deleted|pending|NULL");
  CHECK(bench.Show("SELECT message_id FROM messages") == "1");
  const Delivery uninstalled = bench.TakeOne();
  CHECK(uninstalled.kind == "portal.uninstalled");
  bench.Done(sending[0], {"a", "b"});
  for (const char* id : {"a", "b"}) {
    const Delivery deletion = bench.TakeOne();
    CHECK(deletion.kind == "message.deleted");
    CHECK(deletion.external_message_id == ExternalMessageId(id));
    CHECK(deletion.external_chat_id == ExternalChatId("chat-1"));
    CHECK(deletion.direction == Direction::kOut);
    CHECK(deletion.message_created_at == bench.clock.Now());
    bench.Done(deletion);
  }
  CHECK(bench.Take(Target::kConfirmation).empty());
  // The next one takes what is left.
  bench.Install("m1");
  REQUIRE(bench.Do("m1", PortalUninstalled{true}) == "accepted");
  bench.FinishErasures();
  CHECK(bench.Show("SELECT count(*) FROM messages") == "0");
  CHECK(bench.Show("SELECT count(*) FROM tally") == "0");
}

TEST_CASE("outbox: ids told after an uninstallation are taken where a deletion waits for them") {
  for (const bool clean : {false, true}) {
    CAPTURE(clean);
    OutboxBench bench;
    for (int i = 1; i <= 2; ++i) {
      REQUIRE(bench.Do("m1", Created(i)) == "accepted");
      Settlement done = bench.After(bench.TakeOne(), Settlement::Verdict::kDone);
      done.ids_follow = true;
      bench.Settle(done);
    }
    REQUIRE(bench.Do("m1", Deleted(1, {})) == "accepted");
    REQUIRE(bench.Do("m1", PortalUninstalled{clean}) == "accepted");
    bench.FinishErasures();
    const auto name = [&](std::int64_t message) {
      ChannelRequest request;
      request.now = bench.clock.Now();
      return bench.sqlite().NameMessage(request, MemberId("m1"), ConnectorId("conn"), LineId(7),
                                        MessageId(message), {ExternalMessageId("a")});
    };

    CHECK(name(1).has_value());
    CHECK(name(2).error().reason == "uninstalled");

    bool deleted = false;
    for (const Delivery& delivery : bench.Take()) {
      deleted = deleted || delivery.external_message_id == ExternalMessageId("a");
    }
    CHECK(deleted);
  }
}

TEST_CASE("outbox: the number of a delivery that was erased is never given again") {
  OutboxBench bench;
  bench.Install("m2", 'b');
  for (const Delivery& delivery : bench.Take()) bench.Done(delivery);
  REQUIRE(bench.Do("m1", Created(1)) == "accepted");
  const Delivery late = bench.TakeOne();
  REQUIRE(bench.store().RemovePortal(MemberId("m1"), bench.clock.Now()).has_value());
  REQUIRE(bench.Do("m2", Created(9)) == "accepted");

  bench.Done(late, {"of another"});

  const Delivery own = bench.TakeOne();
  CHECK(own.id.value() > late.id.value());
  CHECK(bench.Show("SELECT count(*) FROM messages WHERE external_message_id IS NOT NULL") == "0");
}

TEST_CASE("outbox: a removed portal leaves nothing behind") {
  OutboxBench bench;
  REQUIRE(bench.Do("m1", Created(1)) == "accepted");
  const Delivery delivery = bench.TakeOne();
  bench.Settle(bench.Later(delivery));

  REQUIRE(bench.store().RemovePortal(MemberId("m1"), bench.clock.Now()).has_value());

  for (const char* table : {"delivery", "attempt", "message", "tally", "chat", "line"}) {
    CAPTURE(table);
    CHECK(bench.Show(std::string("SELECT count(*) FROM ") + table) == "0");
  }
  bench.Done(delivery, {"a"});
  CHECK(bench.Show("SELECT count(*) FROM message") == "0");
}

}  // namespace
}  // namespace imrelay
