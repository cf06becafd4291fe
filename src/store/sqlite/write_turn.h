#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "base/file_lock.h"

namespace imrelay {

// Has the processes that write to one database take turns. SQLite's own waiting for its write lock
// knows no order: a process that commits without a pause can keep another out until that gives up.
// So whoever wants to write next says so by a lock beside the database, and who has just committed
// waits for that lock before it begins again. Where its file cannot be used, which is logged,
// everything goes on in no order. Not thread-safe.
class WriteTurn {
 public:
  explicit WriteTurn(std::string lock_file) : lock_file_(std::move(lock_file)) {}

  // To be held until the transaction has begun, or the log anew, no longer. Waits while another
  // holds it, a tenth of a second at most, and not again for a second where that was in vain: the
  // holder may be stopped. None then.
  std::optional<FileLock> Take();

 private:
  const std::string lock_file_;
  std::chrono::steady_clock::time_point next_wait_;
  bool failing_ = false;  // the lock file cannot be used
};

}  // namespace imrelay
