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
    if (!clean) {
      CHECK(bench.Show("SELECT DISTINCT state FROM delivery WHERE target > 0") == "cancelled");
      CHECK(bench.Show("SELECT outcome FROM incoming_message") == "cancelled");
    } else {
      CHECK(bench.Show("SELECT count(*) FROM delivery WHERE target > 0") == "0");
      CHECK(bench.Show("SELECT count(*) FROM incoming_message") == "0");
      CHECK(bench.Show("SELECT count(*) FROM channel_request") == "0");
      CHECK(bench.Show("SELECT count(*) FROM tally") == "0");
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
