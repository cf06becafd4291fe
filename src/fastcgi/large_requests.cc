#include "fastcgi/large_requests.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <utility>

namespace imrelay {
namespace {

constexpr int kThreads = 2;

void MakeWaiting(int fd, std::chrono::milliseconds silence) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(silence);
  timeval value{};
  value.tv_sec = seconds.count();
  value.tv_usec = std::chrono::microseconds(silence - seconds).count();
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &value, sizeof value);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &value, sizeof value);
  const int flags = fcntl(fd, F_GETFL);
  if (flags >= 0) fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
}

}  // namespace

LargeRequests::LargeRequests(std::chrono::milliseconds silence, std::chrono::milliseconds request,
                             Serve serve)
    : silence_(silence), serve_(std::move(serve)), deadlines_(kThreads, request) {
  for (int slot = 0; slot < kThreads; ++slot) {
    threads_.emplace_back([this, slot] { Run(slot); });
  }
}

LargeRequests::~LargeRequests() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void LargeRequests::Add(int fd) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(fd);
  }
  changed_.notify_one();
}

void LargeRequests::Run(int slot) {
  while (true) {
    int fd = -1;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return closing_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      fd = waiting_.front();
      waiting_.pop_front();
    }
    MakeWaiting(fd, silence_);
    const Deadlines::Watch deadline(deadlines_, slot, fd);
    serve_(fd);
  }
}

}  // namespace imrelay
