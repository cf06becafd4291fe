#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "fastcgi/deadlines.h"

namespace imrelay {

// Reads requests that do not fit into a socket's buffer, so that they cannot be waited for without
// being read: two threads of their own, so that stalling ones hold up nobody but each other.
// Thread-safe.
class LargeRequests {
 public:
  // Serves a connection, whose socket waits in reads and writes from then on.
  using Serve = std::function<void(int fd)>;

  // A peer may be silent for `silence` and take `request` from the moment its turn has come.
  LargeRequests(std::chrono::milliseconds silence, std::chrono::milliseconds request, Serve serve);
  ~LargeRequests();  // serves all that came in
  LargeRequests(const LargeRequests&) = delete;
  LargeRequests& operator=(const LargeRequests&) = delete;

  // Takes over `fd`.
  void Add(int fd);

 private:
  void Run(int slot);

  const std::chrono::milliseconds silence_;
  const Serve serve_;
  Deadlines deadlines_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<int> waiting_;
  bool closing_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace imrelay
