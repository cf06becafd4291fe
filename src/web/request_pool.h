#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace imrelay {

// Threads for the requests that have to wait, for other servers or for the database: apart from
// those that take events, and few, so that nobody who asks much keeps the service busy.
// Thread-safe.
class RequestPool {
 public:
  // Does the work; `late` when it came to wait for a thread and the pool is stopping, and there is
  // only time to say so.
  using Work = std::function<void(bool late)>;

  RequestPool(int threads, std::size_t longest_queue);
  ~RequestPool();  // stops
  RequestPool(const RequestPool&) = delete;
  RequestPool& operator=(const RequestPool&) = delete;

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
