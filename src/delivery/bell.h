#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace imrelay {

// Wakes one thread. A ring that nobody waits for is not lost. Thread-safe.
class Bell {
 public:
  void Ring() {
    {
      const std::lock_guard lock(mutex_);
      if (rung_) return;
      rung_ = true;
    }
    wake_.notify_one();
  }

  // Returns when it rings, or has since the last time, and at the latest after `longest`.
  void Wait(std::chrono::milliseconds longest) {
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, longest, [this] { return rung_; });
    rung_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  bool rung_ = false;
};

}  // namespace imrelay
