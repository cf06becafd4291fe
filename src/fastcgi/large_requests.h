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
// being read: two threads of their own, so that stalling ones hold up nobody but each other. At
// most 64 wait for their turn; beyond that the one that has waited longest is cut off. Thread-safe.
class LargeRequests {
 public:
  // Serves a connection, whose socket waits in reads and writes from then on.
  using Serve = std::function<void(int fd)>;

  // A peer may be silent for `silence`, and `request` is how long it may take, its wait included.
  LargeRequests(std::chrono::milliseconds silence, std::chrono::milliseconds request, Serve serve);
  ~LargeRequests();  // finishes those whose turn has come, and cuts the others off
  LargeRequests(const LargeRequests&) = delete;
  LargeRequests& operator=(const LargeRequests&) = delete;

  // Takes over `fd`.
  void Add(int fd);

 private:
  using Moment = std::chrono::steady_clock::time_point;
  struct Waiting {
    int fd;
    Moment due;
  };

  void Run(int slot);
  // Serves what has arrived: reading finds the end of the stream then.
  void CutOff(int fd);

  const std::chrono::milliseconds silence_;
  const std::chrono::milliseconds request_;
  const Serve serve_;
  Deadlines deadlines_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Waiting> waiting_;
  bool closing_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace imrelay
