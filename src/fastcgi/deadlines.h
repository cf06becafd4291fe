#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace imrelay {

// Cuts off peers that are too slow in sending their request: a socket's time-out starts anew with
// every byte, so on its own it lets a peer that trickles hold a thread for ever. Thread-safe.
class Deadlines {
 public:
  using Moment = std::chrono::steady_clock::time_point;

  // One slot a serving thread. A peer is cut off within a tenth of `limit` after its deadline.
  Deadlines(int slots, std::chrono::milliseconds limit);
  ~Deadlines();
  Deadlines(const Deadlines&) = delete;
  Deadlines& operator=(const Deadlines&) = delete;

  // Watches one connection until the end of this object. Past the deadline, reading finds the end
  // of the stream.
  class Watch {
   public:
    // `fd` stays the caller's and may be closed meanwhile by whoever it belongs to: a duplicate is
    // watched, because the number could be another connection's when the deadline comes. When no
    // descriptor is left for the duplicate, nothing is watched.
    Watch(Deadlines& deadlines, int slot, int fd, Moment due);
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

   private:
    Deadlines& deadlines_;
    const int slot_;
    const int fd_;
  };

 private:
  struct Slot {
    int fd = -1;
    Moment due;
  };

  void Set(int slot, Slot watched);
  void CutOffLate(Moment now);
  void Run();

  const std::chrono::milliseconds limit_;
  std::mutex mutex_;
  std::condition_variable ending_;
  bool ended_ = false;
  std::vector<Slot> slots_;
  std::thread thread_;
};

}  // namespace imrelay
