#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>

namespace imrelay {

// Counts the requests that are under way, from the first look at a connection to its end, so that
// there are never too many and a stopping server can wait for the last. Thread-safe.
class InFlight {
 public:
  explicit InFlight(int limit) : limit_(limit) {}

  // Waits while as many as the limit are under way, or until Stop().
  void AwaitRoom();
  // Ends every AwaitRoom, now and later.
  void Stop();
  // Waits until none is under way.
  void AwaitNone();

  // One request under way, as long as this lives.
  class Ticket {
   public:
    explicit Ticket(std::shared_ptr<InFlight> counted);
    ~Ticket();
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;

   private:
    const std::shared_ptr<InFlight> counted_;
  };

 private:
  const int limit_;
  std::mutex mutex_;
  std::condition_variable room_;
  std::condition_variable none_;
  int count_ = 0;
  bool stopped_ = false;
};

}  // namespace imrelay
