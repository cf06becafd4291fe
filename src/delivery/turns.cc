#include "delivery/turns.h"

#include <algorithm>

namespace imrelay {

std::vector<Ask> Turns::Share(const std::vector<QueueId>& ready, int places) {
  std::vector<Ask> asks;
  if (ready.empty() || places <= 0) return asks;
  const int queues = static_cast<int>(ready.size());
  const int each = places / queues;
  const int more = places % queues;  // that many get one more
  auto next = std::upper_bound(ready.begin(), ready.end(), last_);
  for (int i = 0; i < std::min(queues, places); ++i) {
    if (next == ready.end()) next = ready.begin();
    asks.push_back({*next, each + (i < more ? 1 : 0)});
    // Where all get the same, the order does not matter.
    if (i < more) last_ = *next;
    ++next;
  }
  return asks;
}

}  // namespace imrelay
