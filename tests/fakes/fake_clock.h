#pragma once

#include <chrono>

#include "base/clock.h"

namespace imrelay {

// Stands still until it is moved. Starts at 2026-03-17T12:00:00Z.
class FakeClock final : public Clock {
 public:
  TimePoint Now() const override { return now_; }
  void Advance(std::chrono::milliseconds by) { now_ += by; }
  void Set(TimePoint now) { now_ = now; }

 private:
  TimePoint now_ = FromUnixSeconds(1773748800);
};

}  // namespace imrelay
