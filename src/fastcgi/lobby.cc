#include "fastcgi/lobby.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

#include "fastcgi/arrival.h"

namespace imrelay {
namespace {

constexpr std::size_t kMostGuests = 1024;
constexpr std::chrono::milliseconds kLongestPause{100};

int OpenEpoll() {
  const int fd = epoll_create1(EPOLL_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
  return fd;
}

}  // namespace

Lobby::Lobby(const Limits& limits, Leave complete, Leave large)
    : limits_(limits),
      complete_(std::move(complete)),
      large_(std::move(large)),
      epoll_(OpenEpoll()),
      thread_([this] { Run(); }) {}

Lobby::~Lobby() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  thread_.join();
  close(epoll_);
}

void Lobby::Enter(int fd) {
  {
    const std::lock_guard lock(mutex_);
    const Moment now = std::chrono::steady_clock::now();
    guests_[fd] = {now, now};
  }
  // Edge-triggered: told once of what is there already, then of everything new.
  epoll_event interest{};
  interest.events = EPOLLIN | EPOLLRDHUP | EPOLLET;
  interest.data.fd = fd;
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &interest) != 0 && Remove(fd)) close(fd);
}

bool Lobby::Remove(int fd) {
  const std::lock_guard lock(mutex_);
  if (guests_.erase(fd) == 0) return false;
  epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
  return true;
}

void Lobby::TurnOut(int fd) {
  if (!Remove(fd)) return;
  // Reading finds the end of the stream; the way back stays open for an answer.
  shutdown(fd, SHUT_RD);
  complete_(fd);
}

void Lobby::Look(int fd, std::uint32_t events) {
  const bool gone = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
  const Arrival arrival = gone ? Arrival::kComplete : LookAt(fd);
  if (arrival == Arrival::kComplete) {
    if (Remove(fd)) complete_(fd);
  } else if (arrival == Arrival::kLarge) {
    if (Remove(fd)) large_(fd);
  } else {
    const std::lock_guard lock(mutex_);
    const auto guest = guests_.find(fd);
    if (guest != guests_.end()) guest->second.heard = std::chrono::steady_clock::now();
  }
}

std::vector<int> Lobby::LateGuests(Moment now) {
  std::vector<int> late;
  std::vector<std::pair<Moment, int>> others;
  const std::lock_guard lock(mutex_);
  for (const auto& [fd, guest] : guests_) {
    if (now - guest.heard >= limits_.silence || now - guest.entered >= limits_.request) {
      late.push_back(fd);
    } else {
      others.emplace_back(guest.heard, fd);
    }
  }
  if (others.size() > kMostGuests) {
    std::sort(others.begin(), others.end());
    others.resize(others.size() - kMostGuests);
    for (const auto& [heard, fd] : others) late.push_back(fd);
  }
  return late;
}

void Lobby::Run() {
  const auto pause = std::clamp(std::min(limits_.silence, limits_.request) / 10,
                                std::chrono::milliseconds(1), kLongestPause);
  std::array<epoll_event, 64> events;
  Moment looked = std::chrono::steady_clock::now();
  while (true) {
    {
      const std::lock_guard lock(mutex_);
      if (closing_ && guests_.empty()) return;
    }
    const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()),
                                 static_cast<int>(pause.count()));
    for (int i = 0; i < count; ++i) Look(events[i].data.fd, events[i].events);
    const Moment now = std::chrono::steady_clock::now();
    if (now - looked < pause) continue;
    looked = now;
    for (const int fd : LateGuests(now)) TurnOut(fd);
  }
}

}  // namespace imrelay
