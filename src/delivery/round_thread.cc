#include "delivery/round_thread.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "base/log.h"

namespace imrelay {
namespace {

using std::chrono::milliseconds;

constexpr std::chrono::seconds kPauseAfterFailure{1};

}  // namespace

RoundThread::RoundThread(std::string waits, std::shared_ptr<Bell> bell, Work work)
    : waits_(std::move(waits)),
      bell_(std::move(bell)),
      work_(std::move(work)),
      thread_([this] { Run(); }) {}

RoundThread::~RoundThread() {
  Stop();
  thread_.join();
}

void RoundThread::Stop() {
  stopping_ = true;
  bell_->Ring();
}

void RoundThread::Run() {
  while (!stopping_) {
    const milliseconds pause = DoOne();
    if (failing_) {
      // Bells do not hurry it: each would be one more call that fails.
      const auto end = std::chrono::steady_clock::now() + pause;
      while (!stopping_ && std::chrono::steady_clock::now() < end) bell_->Wait(pause);
    } else if (pause.count() > 0) {
      bell_->Wait(pause);
    }
  }
  Finish();
}

void RoundThread::Finish() {
  work_.stop_taking();
  const auto end = std::chrono::steady_clock::now() + kLongestStop;
  while (true) {
    const milliseconds pause = std::max(DoOne(), milliseconds(1));
    const auto now = std::chrono::steady_clock::now();
    if (work_.is_idle() || now >= end) return;
    bell_->Wait(std::min(pause, std::chrono::ceil<milliseconds>(end - now)));
  }
}

milliseconds RoundThread::DoOne() {
  Result<milliseconds> pause = milliseconds(0);
  try {
    pause = work_.round();
  } catch (const std::exception&) {
    pause = Fail(ErrorCode::kUnavailable, "out of memory");
  }
  const bool failed = !pause;
  // Once when it begins, not at every try.
  if (failed && !failing_) Log(LogLevel::kError, waits_, {{"because", pause.error().message}});
  failing_ = failed;
  return failed ? kPauseAfterFailure : *pause;
}

}  // namespace imrelay
