#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "bitrix24/call.h"
#include "domain/delivery.h"
#include "domain/ids.h"

namespace imrelay {

// One call to a portal, without waiting: PortalApi::Send with no patience.
using CallPortal = std::function<CallResult(const MemberId&, const Call&)>;

// What was taken up for one portal at once: confirmations of one line, or others.
struct PortalErrand {
  PortalId portal;
  Target target = Target::kPortal;
  std::vector<Delivery> deliveries;
  int most = 1;  // confirmations in one call
};

// What an errand learned of one line's queue.
struct LineNews {
  bool answered = false;    // something was done there
  bool refused = false;     // the line as such takes nothing, whatever is sent
  std::optional<int> most;  // how many confirmations may go in one call from now on
};

// What became of it.
struct PortalOutcome {
  PortalId portal;
  Target target = Target::kPortal;
  std::vector<Settlement> settlements;  // as `kinds`: one for each delivery
  std::vector<std::string> kinds;
  std::chrono::milliseconds took{0};
  std::map<QueueId, LineNews> lines;
  bool answered = false;  // something was done there
  // The portal as such takes nothing for now: not before then, where that is known.
  bool failed = false;
  bool forbidden = false;  // and somebody has to act
  std::optional<TimePoint> not_before;
};

// Runs errands: makes the calls of each one after another, and reads what they say. A portal that
// fails, or takes more than kLongestErrand, is given no further call: the rest goes back untried.
// So does the rest of a line that refuses as such. Keeps references. Thread-safe.
class PortalCaller {
 public:
  PortalCaller(CallPortal call, const Clock& clock) : call_(std::move(call)), clock_(clock) {}

  PortalOutcome Run(const PortalErrand& errand) const;
  // From now on everything goes back untried.
  void Stop() { stopping_ = true; }

  // A call that was begun is not cut off: see kPortalLeaseTime for how long it may take.
  static constexpr std::chrono::seconds kLongestErrand{5};

 private:
  struct Running;

  void ConfirmAll(std::span<const Delivery> deliveries, int most, Running& running) const;
  // Whether a call settled them; else they are to be confirmed in smaller parts.
  bool Confirm(std::span<const Delivery> deliveries, Running& running) const;
  void SendOne(const Delivery& delivery, Running& running) const;
  CallResultOf<void> CallFor(const Delivery& delivery) const;
  bool Continues(const Running& running, QueueId queue) const;

  const CallPortal call_;
  const Clock& clock_;
  std::atomic<bool> stopping_{false};
};

}  // namespace imrelay
