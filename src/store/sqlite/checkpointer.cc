#include "store/sqlite/checkpointer.h"

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

}  // namespace

Checkpointer::Checkpointer(Database database)
    : database_(std::move(database)), thread_([this] { Run(); }) {}

Checkpointer::~Checkpointer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

bool Checkpointer::Committed(int frames) {
  const std::lock_guard lock(mutex_);
  if (frames < seen_) {
    // The log has begun anew.
    copied_ = 0;
    tried_ = 0;
  }
  seen_ = frames;
  if (busy_) return false;
  if (frames >= kLongLog && frames - copied_ < kFramesAtATime) return true;
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
    changed_.wait(lock, [this] { return stopping_ || busy_; });
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
  }
}

}  // namespace imrelay
