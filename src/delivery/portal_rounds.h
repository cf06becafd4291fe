#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "bitrix24/message_methods.h"
#include "delivery/bell.h"
#include "delivery/errand_threads.h"
#include "delivery/portal_errand.h"
#include "delivery/turns.h"
#include "store/outbox.h"

namespace imrelay {

// What PortalSender's own thread does, one round at a time: takes up for portals, hands errands to
// the threads that make the calls, and records what these bring. Not thread-safe.
class PortalRounds {
 public:
  // Keeps references.
  PortalRounds(Outbox& outbox, ErrandThreads& threads, LeaseHolder holder, const Clock& clock);

  // As ChannelRounds::Round.
  Result<std::chrono::milliseconds> Round();
  void StopTaking() { taking_ = false; }
  bool IsIdle() const { return busy_ == 0 && settlements_.empty(); }

 private:
  struct Portal {
    Turns confirmations;
    Turns others;
    bool busy = false;
    bool slow = false;         // its last errand took long
    bool others_next = false;  // confirmations went before and were not taken
    int failures = 0;          // in a row
    TimePoint closed_until;    // nothing is sent before
  };
  // Of a line that is not as others: how many confirmations may go in one call, and whether it
  // refuses everything.
  struct Line {
    int most = static_cast<int>(kMostConfirmations);
    int refusals = 0;  // in a row
    TimePoint closed_until;
  };
  // What is ready, by portal.
  struct Ready {
    std::vector<QueueId> confirmations;
    std::vector<QueueId> others;
  };
  struct Asks {
    std::vector<Ask> confirmations;
    std::vector<Ask> others;
  };

  void FollowClock(TimePoint now);
  void TakeOutcomes();
  void Note(const PortalOutcome& outcome, TimePoint now);
  void NoteLines(const PortalOutcome& outcome, TimePoint now);
  TimePoint OpenAt(const ReadyQueue& queue) const;
  Status FindReady(Target target, TimePoint now, std::map<PortalId, Ready>& ready);
  Asks Choose(const std::map<PortalId, Ready>& ready);
  Result<bool> TakeUp(Target target, const std::vector<Ask>& asks, TimePoint now);
  bool IsOpen(const Portal& portal, TimePoint now) const;

  Outbox& outbox_;
  ErrandThreads& threads_;
  const LeaseHolder holder_;
  const Clock& clock_;
  std::map<PortalId, Portal> portals_;  // that were ever sent to
  std::map<QueueId, Line> lines_;
  PortalId last_;  // that was served
  int busy_ = 0;
  int slow_busy_ = 0;
  std::vector<Settlement> settlements_;                // to be recorded
  std::vector<std::pair<Target, std::string>> kinds_;  // of settlements_, for the metrics
  std::optional<TimePoint> next_;  // when something will be due or a portal open
  TimePoint round_at_;             // the last one
  bool taking_ = true;
};

}  // namespace imrelay
