#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace imrelay {

// The threads that make pages, which wait on other servers: apart from those that take events, and
// few, so that nobody who opens pages keeps the service busy. Thread-safe.
class PagePool {
 public:
  // Does the work; `late` when it came to wait for a thread and the pool is stopping, and there is
  // only time to say so.
  using Work = std::function<void(bool late)>;

  PagePool(int threads, std::size_t longest_queue);
  ~PagePool();  // stops
  PagePool(const PagePool&) = delete;
  PagePool& operator=(const PagePool&) = delete;

  // Hands work to the threads. False, and it is not taken, when as much as may wait is waiting, or
  // the pool has stopped.
  bool Add(Work work);

  // Takes nothing more, does what waits as late, and returns when the threads have ended. Repeating
  // it does nothing.
  void Stop();

 private:
  void Run();

  const std::size_t longest_queue_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Work> waiting_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace imrelay
