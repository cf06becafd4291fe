#include "recovery/waiting_events.h"

#include <utility>
#include <vector>

#include "base/failpoint.h"

namespace imrelay {
namespace {

constexpr int kEventsAtATime = 50;

}  // namespace

Result<int> ApplyWaitingEvents(Store& store, Ingest& ingest) {
  int applied = 0;
  while (true) {
    Result<std::vector<WaitingEvent>> events = store.WaitingEvents(kEventsAtATime);
    if (!events) return Fail(std::move(events).error());
    if (events->empty()) return applied;
    for (const WaitingEvent& event : *events) {
      if (Status done = ingest.ApplyWaiting(event); !done) return Fail(std::move(done).error());
      Failpoint("recovery.waiting_applied");
      ++applied;
    }
  }
}

}  // namespace imrelay
