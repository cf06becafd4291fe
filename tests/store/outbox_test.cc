#include "store/outbox.h"

#include <doctest/doctest.h>

#include "tests/store/outbox_bench.h"

namespace imrelay {
namespace {

TEST_CASE("outbox: what is ready is taken up once, with all its sender has to know") {
  OutboxBench bench;
  REQUIRE(bench.Do("m1", Created(5)) == "accepted");

  const Result<std::vector<ReadyQueue>> ready = bench.outbox().FindReady(Target::kChannel);
  REQUIRE(ready.has_value());
  REQUIRE(ready->size() == 1);
  CHECK(ready->front().member_id.value() == "m1");
  CHECK(ready->front().connector.value() == "conn");
  CHECK(ready->front().line.value() == 7);
  CHECK(ready->front().due == bench.clock.Now());
  const std::vector<Delivery> taken = bench.Take();

  REQUIRE(taken.size() == 1);
  const Delivery& delivery = taken.front();
  CHECK(delivery.kind == "message.created");
  CHECK(delivery.member_id.value() == "m1");
  CHECK(delivery.portal_status == PortalStatus::kActive);
  CHECK(delivery.connector.value() == "conn");
  CHECK(delivery.line.value() == 7);
  CHECK(delivery.external_chat_id.value() == "chat-1");
  CHECK(delivery.chat_id.value() == 1807);
  CHECK(delivery.message_id == MessageId(5));
  CHECK_FALSE(delivery.external_message_id.has_value());
  CHECK(delivery.payload == R"({"text":"hello"})");
  CHECK(delivery.attempts == 0);
  CHECK_FALSE(delivery.first_attempt_at.has_value());
  CHECK(delivery.direction == Direction::kOut);
  CHECK_FALSE(delivery.message_deleted);
  CHECK(bench.Take().empty());
}

}  // namespace
}  // namespace imrelay
