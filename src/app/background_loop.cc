#include "app/background_loop.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "base/log.h"

namespace imrelay {
namespace {

// While the database is away there is no use in asking it five times a second.
constexpr std::chrono::milliseconds kPauseAfterFailure{2000};

}  // namespace

BackgroundLoop::BackgroundLoop(Options options, Work work)
    : options_(std::move(options)), work_(std::move(work)), thread_([this] { Run(); }) {}

BackgroundLoop::~BackgroundLoop() {
  Stop();
  thread_.join();
}

void BackgroundLoop::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
}

void BackgroundLoop::Run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    const bool busy = DoOne();
    lock.lock();
    if (busy) continue;
    const auto pause = failing_ ? std::max(options_.pause, kPauseAfterFailure) : options_.pause;
    wake_.wait_for(lock, pause, [&] { return stopping_; });
  }
}

Result<bool> BackgroundLoop::DoWork() {
  if (!lock_ && !options_.lock_file.empty()) {
    Result<std::optional<FileLock>> taken = FileLock::Try(options_.lock_file, 0);
    if (!taken) return Fail(std::move(taken).error());
    if (!*taken) return false;
    lock_ = *std::move(taken);
  }
  return work_();
}

bool BackgroundLoop::DoOne() {
  Result<bool> worked = false;
  try {
    worked = DoWork();
  } catch (const std::exception&) {
    worked = Fail(ErrorCode::kUnavailable, "out of memory");
  }
  const bool failed = !worked;
  // Once when it begins, not at every try.
  if (failed && !failing_) {
    Log(LogLevel::kError, options_.waits, {{"because", worked.error().message}});
  }
  failing_ = failed;
  return !failed && *worked;
}

}  // namespace imrelay
