#pragma once

#include <string>
#include <vector>

#include "store/outbox.h"
#include "tests/store/store_bench.h"

namespace imrelay {

// A store with one installed portal, m1, whose own deliveries are sent, and short ways to take up
// and settle.
class OutboxBench : public StoreBench {
 public:
  static constexpr LeaseHolder kHolder = 11;

  OutboxBench();

  Outbox& outbox() { return sqlite(); }

  // Takes up to `most` of each queue that is ready.
  std::vector<Delivery> Take(Target target = Target::kChannel, int most = 1000,
                             LeaseHolder holder = kHolder);
  // Takes one; it must be the only one.
  Delivery TakeOne(Target target = Target::kChannel);

  void Settle(const Settlement& settled, LeaseHolder holder = kHolder);
  // A settlement after an attempt.
  Settlement After(const Delivery& delivery, Settlement::Verdict verdict) const;
  void Done(const Delivery& delivery, const std::vector<std::string>& ids = {});
  // An attempt failed, and is made again in a second.
  Settlement Later(const Delivery& delivery) const;
};

}  // namespace imrelay
