#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "base/result.h"
#include "delivery/bell.h"

namespace imrelay {

// A thread that goes one round after another: at once when its bell rings, else after the pause
// that the round before named.
class RoundThread {
 public:
  struct Work {
    // What it throws counts as an error.
    std::function<Result<std::chrono::milliseconds>()> round;
    std::function<void()> stop_taking;
    std::function<bool()> is_idle;
  };

  // `waits`: what the log says once when rounds begin to fail: "deliveries wait". They are tried
  // again every second then.
  RoundThread(std::string waits, std::shared_ptr<Bell> bell, Work work);
  // Stops: takes up nothing more, and goes on until all is idle, for kLongestStop at most.
  ~RoundThread();
  RoundThread(const RoundThread&) = delete;
  RoundThread& operator=(const RoundThread&) = delete;

  // Begins to stop. Returns at once. Thread-safe.
  void Stop();

  static constexpr std::chrono::seconds kLongestStop{5};

 private:
  void Run();
  void Finish();
  std::chrono::milliseconds DoOne();

  const std::string waits_;
  const std::shared_ptr<Bell> bell_;
  const Work work_;
  std::atomic<bool> stopping_{false};
  bool failing_ = false;
  std::thread thread_;
};

}  // namespace imrelay
