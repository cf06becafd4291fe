#include "store/sqlite/write_turn.h"

#include <utility>

namespace imrelay {
namespace {

using SteadyClock = std::chrono::steady_clock;

// Longer than a waiting connection sleeps before it asks for SQLite's lock again.
constexpr std::chrono::milliseconds kLongest{100};
constexpr std::chrono::seconds kPause{1};

}  // namespace

std::optional<FileLock> WriteTurn::Take() {
  const SteadyClock::time_point now = SteadyClock::now();
  const auto longest = now < next_wait_ ? std::chrono::milliseconds(0) : kLongest;
  Result<FileLock> taken = FileLock::Wait(lock_file_, 0, longest);
  if (taken) return *std::move(taken);
  if (longest == kLongest) next_wait_ = now + kLongest + kPause;
  return std::nullopt;
}

}  // namespace imrelay
