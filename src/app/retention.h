#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "base/result.h"
#include "store/sqlite/sqlite_store.h"

namespace imrelay {

// Erases what portals left that were uninstalled with CLEAN, and walks through the journal and the
// ledger every hour and erases what is older than `keep`, a few rows at a time. Not thread-safe.
class Retention {
 public:
  // With `keep` of no days, everything stays for ever. `clock` must outlive it.
  Retention(SqliteStore& store, const Clock& clock, std::chrono::days keep);

  // Looks at the next rows. False where whoever calls should pause, so that requests come first.
  // Errors: the store's; it goes on there the next time.
  Result<bool> DoOne();

 private:
  Status Walk(TimePoint now);

  SqliteStore& store_;
  const Clock& clock_;
  const std::chrono::days keep_;
  std::optional<Aging> table_;  // that it walks through; none between two walks
  std::int64_t after_ = 0;
  std::array<std::int64_t, 2> erased_{};
  std::optional<std::chrono::steady_clock::time_point> next_;  // none: at once
};

}  // namespace imrelay
