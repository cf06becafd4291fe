#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
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
};

// What became of it.
struct PortalOutcome {
  PortalId portal;
  Target target = Target::kPortal;
  std::vector<Settlement> settlements;  // as `kinds`: one for each delivery
  std::vector<std::string> kinds;
  std::chrono::milliseconds took{0};
  // The portal as such takes nothing for now: not before then, where that is known.
  bool failed = false;
  bool forbidden = false;  // and somebody has to act
  std::optional<TimePoint> not_before;
};

// Runs errands: makes the calls of each one after another, and reads what they say. A portal that
// fails, or takes more than kLongestErrand, is given no further call: the rest goes back untried.
// Keeps references. Thread-safe.
class PortalCaller {
 public:
  PortalCaller(CallPortal call, const Clock& clock) : call_(std::move(call)), clock_(clock) {}

  PortalOutcome Run(const PortalErrand& errand) const;
  // From now on everything goes back untried.
  void Stop() { stopping_ = true; }

  static constexpr std::chrono::seconds kLongestErrand{5};

 private:
  struct Running;

  void Confirm(const std::vector<Delivery>& deliveries, std::size_t begin, std::size_t end,
               Running& running) const;
  void SendOne(const Delivery& delivery, Running& running) const;
  CallResultOf<void> CallFor(const Delivery& delivery) const;
  bool Continues(const Running& running) const;

  const CallPortal call_;
  const Clock& clock_;
  std::atomic<bool> stopping_{false};
};

}  // namespace imrelay
