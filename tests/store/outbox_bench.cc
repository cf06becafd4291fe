#include "tests/store/outbox_bench.h"

#include <doctest/doctest.h>

namespace imrelay {

OutboxBench::OutboxBench() {
  Install("m1");
  for (const Delivery& delivery : Take()) Done(delivery);
}

std::vector<Delivery> OutboxBench::Take(Target target, int most, LeaseHolder holder) {
  const Result<std::vector<ReadyQueue>> ready = outbox().FindReady(target);
  REQUIRE(ready.has_value());
  std::vector<Ask> asks;
  for (const ReadyQueue& queue : *ready) asks.push_back({queue.id, most});
  Result<std::vector<Delivery>> taken = outbox().Turn({}, target, asks, holder, clock.Now());
  REQUIRE(taken.has_value());
  return *std::move(taken);
}

Delivery OutboxBench::TakeOne(Target target) {
  const std::vector<Delivery> taken = Take(target);
  REQUIRE(taken.size() == 1);
  return taken.front();
}

void OutboxBench::Settle(const Settlement& settled, LeaseHolder holder) {
  REQUIRE(outbox().Turn({settled}, Target::kChannel, {}, holder, clock.Now()).has_value());
}

Settlement OutboxBench::After(const Delivery& delivery, Settlement::Verdict verdict) const {
  Settlement settled;
  settled.id = delivery.id;
  settled.verdict = verdict;
  settled.attempt = Attempt{clock.Now(), std::chrono::milliseconds(20), 200, {}};
  return settled;
}

void OutboxBench::Done(const Delivery& delivery, const std::vector<std::string>& ids) {
  Settlement settled = After(delivery, Settlement::Verdict::kDone);
  for (const std::string& id : ids) settled.external_ids.emplace_back(id);
  Settle(settled);
}

Settlement OutboxBench::Later(const Delivery& delivery) const {
  Settlement settled = After(delivery, Settlement::Verdict::kLater);
  settled.reason = "the channel answered 500";
  settled.due = clock.Now() + std::chrono::seconds(1);
  return settled;
}

}  // namespace imrelay
