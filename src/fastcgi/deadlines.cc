#include "fastcgi/deadlines.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

namespace imrelay {

Deadlines::Deadlines(int slots, std::chrono::milliseconds limit)
    : limit_(limit), slots_(static_cast<std::size_t>(slots)), thread_([this] { Run(); }) {}

Deadlines::~Deadlines() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  ending_.notify_all();
  thread_.join();
}

Deadlines::Watch::Watch(Deadlines& deadlines, int slot, int fd, Moment due)
    : deadlines_(deadlines), slot_(slot), fd_(fcntl(fd, F_DUPFD_CLOEXEC, 0)) {
  deadlines_.Set(slot_, {fd_, due});
}

Deadlines::Watch::~Watch() {
  deadlines_.Set(slot_, {});
  if (fd_ >= 0) close(fd_);
}

void Deadlines::Set(int slot, Slot watched) {
  const std::lock_guard lock(mutex_);
  slots_[static_cast<std::size_t>(slot)] = watched;
}

void Deadlines::CutOffLate(Moment now) {
  for (Slot& slot : slots_) {
    if (slot.fd < 0 || now < slot.due) continue;
    // Ends a read that waits, and leaves the way back open for an answer.
    shutdown(slot.fd, SHUT_RD);
    slot.fd = -1;
  }
}

void Deadlines::Run() {
  const auto pause = std::max(limit_ / 10, std::chrono::milliseconds(1));
  std::unique_lock lock(mutex_);
  while (!ending_.wait_for(lock, pause, [this] { return ended_; })) {
    CutOffLate(std::chrono::steady_clock::now());
  }
}

}  // namespace imrelay
