#include "store/sqlite/checkpointer.h"

#include <utility>

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
  if (busy_ || wanted_) return false;
  // The log has begun anew.
  if (frames < done_) done_ = 0;
  if (frames >= kLongLog && frames - done_ < kFramesAtATime) return true;
  if (frames - done_ >= kFramesAtATime) {
    wanted_ = frames;
    changed_.notify_one();
  }
  return false;
}

void Checkpointer::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || wanted_; });
    if (stopping_) return;
    const int frames = *std::exchange(wanted_, std::nullopt);
    busy_ = true;
    lock.unlock();
    // One that fails changes nothing: what it was to copy stays in the log, for the next.
    (void)database_.Checkpoint();
    lock.lock();
    busy_ = false;
    done_ = frames;
  }
}

}  // namespace imrelay
