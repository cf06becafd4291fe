#include "store/sqlite/checkpointer.h"

#include <chrono>
#include <string>
#include <utility>

#include "base/failpoint.h"
#include "base/log.h"

namespace imrelay {
namespace {

// Fewer would copy the pages that every commit changes more often; more take longer, beside the
// requests.
constexpr int kFramesAtATime = 1000;
// Under load the log never empties by itself, because it grows while it is copied. 64 MiB.
constexpr int kLongLog = 16000;
// One this long is one that somebody keeps from being begun anew. 128 MiB.
constexpr int kHeldLog = 32000;
// When it is looked whether somebody has stopped reading, without a commit that asks.
constexpr std::chrono::seconds kLookAgain{1};

}  // namespace

Checkpointer::Checkpointer(Database database, std::function<void()> copied)
    : database_(std::move(database)), tell_copied_(std::move(copied)), thread_([this] { Run(); }) {}

Checkpointer::~Checkpointer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

bool Checkpointer::IsLong() const { return seen_ >= kLongLog; }
bool Checkpointer::IsReady() const { return IsLong() && seen_ - copied_ < kFramesAtATime; }

bool Checkpointer::Committed(int frames) {
  const std::lock_guard lock(mutex_);
  if (frames < seen_) {
    // The log has begun anew.
    copied_ = 0;
    tried_ = 0;
    held_ = false;
  }
  seen_ = frames;
  if (frames - copied_ >= kHeldLog && !held_) {
    held_ = true;
    Log(LogLevel::kWarning, "the write-ahead log grows",
        {{"pages", std::to_string(frames)}, {"because", "somebody reads an old state"}});
  }
  if (busy_) return false;
  if (IsReady()) return true;
  // Where nothing can be copied, because somebody reads, it is not tried at every commit.
  if (frames - tried_ >= kFramesAtATime) {
    tried_ = frames;
    busy_ = true;
    changed_.notify_one();
  }
  return false;
}

void Checkpointer::Run() {
  bool failing = false;
  std::unique_lock lock(mutex_);
  while (true) {
    const auto wanted = [this] { return stopping_ || busy_; };
    bool asked = true;
    if (IsLong() && copied_ < seen_) {
      asked = changed_.wait_for(lock, kLookAgain, wanted);
      busy_ = true;
    } else {
      changed_.wait(lock, wanted);
    }
    if (stopping_) return;
    lock.unlock();
    const Result<int> copied = database_.Checkpoint();
    Failpoint("store.checkpointed");
    // Once when it begins. What could not be copied stays in the log, for the next.
    if (!copied && !failing) {
      Log(LogLevel::kError, "checkpoint", {{"error", copied.error().message}});
    }
    failing = !copied;
    lock.lock();
    busy_ = false;
    if (copied) copied_ = *copied;
    if (asked || !IsReady() || !tell_copied_) continue;
    lock.unlock();
    tell_copied_();
    lock.lock();
  }
}

}  // namespace imrelay
