#pragma once

#include <vector>

#include "domain/delivery.h"
#include "store/outbox.h"

namespace imrelay {

// Who is served next. Every queue gets its turn, however much another one holds: places are shared
// evenly, and where there are fewer places than queues, the next ones go to those that follow.
class Turns {
 public:
  // Shares out `places` among `ready`, which is sorted. A queue that has less leaves its places to
  // the next round.
  std::vector<Ask> Share(const std::vector<QueueId>& ready, int places);

 private:
  QueueId last_;  // that was served first to last
};

}  // namespace imrelay
