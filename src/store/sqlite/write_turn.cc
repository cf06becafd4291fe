#include "store/sqlite/write_turn.h"

#include <utility>

#include "base/log.h"

namespace imrelay {
namespace {

using SteadyClock = std::chrono::steady_clock;

// Longer than anybody sleeps who waits: for this lock, or for SQLite's.
constexpr std::chrono::milliseconds kLongest{100};
constexpr std::chrono::seconds kPause{1};

}  // namespace

std::optional<FileLock> WriteTurn::Take() {
  const SteadyClock::time_point now = SteadyClock::now();
  const auto longest = now < next_wait_ ? std::chrono::milliseconds(0) : kLongest;
  Result<FileLock> taken = FileLock::Wait(lock_file_, 0, longest);
  if (taken) {
    failing_ = false;
    return *std::move(taken);
  }
  const bool locked = taken.error().reason == kLocked;
  if (locked && longest == kLongest) next_wait_ = now + kLongest + kPause;
  // Once when it begins.
  if (!locked && !failing_) {
    Log(LogLevel::kWarning, "writers take no turns", {{"because", taken.error().message}});
  }
  failing_ = !locked;
  return std::nullopt;
}

}  // namespace imrelay
