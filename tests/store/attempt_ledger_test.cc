#include <doctest/doctest.h>

#include <chrono>
#include <string>

#include "tests/store/outbox_bench.h"

namespace imrelay {
namespace {

TEST_CASE("attempt_ledger: a call that is no try of the delivery's stands in the ledger all the same") {
  OutboxBench bench;
  REQUIRE(bench.Do("m1", Created(1)) == "accepted");
  const Delivery delivery = bench.TakeOne();
  Settlement off = bench.Later(delivery);
  off.besides = {{{bench.clock.Now(), std::chrono::milliseconds(5), 410, ""}, "off"}};
  off.attempt.reset();
  bench.Settle(off);
  bench.clock.Advance(std::chrono::seconds(1));
  const Delivery again = bench.TakeOne();
  CHECK(again.attempts == 0);
  CHECK_FALSE(again.first_attempt_at.has_value());
  bench.Done(again, {"a"});

  const std::string number = std::to_string(delivery.id.value());
  CHECK(bench.Show("SELECT number, http_status, result FROM attempt WHERE delivery_id = " +
                   number) == "1|410|off\n2|200|done");
  CHECK(bench.Show("SELECT attempts FROM deliveries WHERE id = " + number) == "1");
}

}  // namespace
}  // namespace imrelay
