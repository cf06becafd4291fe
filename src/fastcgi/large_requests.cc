#include "fastcgi/large_requests.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <utility>

namespace imrelay {
namespace {

constexpr int kThreads = 2;
constexpr std::size_t kMostWaiting = 64;

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
    : silence_(silence),
      request_(request),
      serve_(std::move(serve)),
      deadlines_(kThreads, request) {
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
  int longest_waiting = -1;
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back({fd, std::chrono::steady_clock::now() + request_});
    if (waiting_.size() > kMostWaiting) {
      longest_waiting = waiting_.front().fd;
      waiting_.pop_front();
    }
  }
  changed_.notify_one();
  if (longest_waiting >= 0) CutOff(longest_waiting);
}

void LargeRequests::CutOff(int fd) {
  shutdown(fd, SHUT_RD);
  serve_(fd);
}

void LargeRequests::Run(int slot) {
  while (true) {
    Waiting next{};
    bool late = false;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return closing_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      next = waiting_.front();
      waiting_.pop_front();
      late = closing_ || std::chrono::steady_clock::now() >= next.due;
    }
    if (late) {
      CutOff(next.fd);
      continue;
    }
    MakeWaiting(next.fd, silence_);
    const Deadlines::Watch deadline(deadlines_, slot, next.fd, next.due);
    serve_(next.fd);
  }
}

}  // namespace imrelay
