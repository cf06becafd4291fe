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
  // One slot a serving thread. A peer has `limit` for its whole request.
  Deadlines(int slots, std::chrono::milliseconds limit);
  ~Deadlines();
  Deadlines(const Deadlines&) = delete;
  Deadlines& operator=(const Deadlines&) = delete;

  // Watches one connection, from its beginning to the end of this object or to Met().
  class Watch {
   public:
    // `fd` stays the caller's and may be closed meanwhile by whoever it belongs to: a duplicate is
    // watched, because the number could be another connection's when the deadline comes. When no
    // descriptor is left for the duplicate, nothing is watched.
    Watch(Deadlines& deadlines, int slot, int fd);
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    // The request is there. Past the deadline, reading would have found the end of the stream.
    void Met();

   private:
    Deadlines& deadlines_;
    const int slot_;
    const int fd_;
  };

 private:
  using Moment = std::chrono::steady_clock::time_point;
  struct Slot {
    int fd = -1;
    Moment due;
  };

  void Set(int slot, int fd);
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
