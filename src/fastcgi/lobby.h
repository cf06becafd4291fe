#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

namespace imrelay {

// Where connections wait whose request has not arrived whole, so that slow, half-open and silent
// peers hold no thread. Thread-safe.
class Lobby {
 public:
  // Takes a connection over. Called on the lobby's thread, so it must not wait for long.
  using Leave = std::function<void(int fd)>;

  struct Limits {
    std::chrono::milliseconds silence;  // how long a peer may be silent
    std::chrono::milliseconds request;  // how long it may take for its whole request
  };

  // `complete` gets connections whose request is there, and those whose peer was too slow: reading
  // from these finds the end of the stream. `large` gets those with more to read than fits into a
  // socket's buffer.
  Lobby(const Limits& limits, Leave complete, Leave large);
  ~Lobby();  // waits for every guest to leave
  Lobby(const Lobby&) = delete;
  Lobby& operator=(const Lobby&) = delete;

  // Takes over `fd`, a non-blocking socket. Beyond 1,024 guests those that were silent longest have
  // to leave within a tenth of a second.
  void Enter(int fd);

 private:
  using Moment = std::chrono::steady_clock::time_point;
  struct Guest {
    Moment entered;
    Moment heard;  // when something of it arrived last
  };

  void Run();
  // Guests are looked at and leave on the lobby's thread only: the number of one that has left may
  // be another connection's at any moment.
  void Look(int fd, std::uint32_t events);
  // Those that were too slow, and those that are too many.
  std::vector<int> LateGuests(Moment now);
  // Takes the guest off the list; false when it has left already.
  bool Remove(int fd);
  void TurnOut(int fd);

  const Limits limits_;
  const Leave complete_;
  const Leave large_;
  const int epoll_;
  std::mutex mutex_;
  std::map<int, Guest> guests_;
  bool closing_ = false;
  std::thread thread_;
};

}  // namespace imrelay
