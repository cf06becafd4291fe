#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/file_lock.h"
#include "base/result.h"

namespace imrelay {

// A thread behind the requests that does one thing after another. Of several processes on one
// database, one does it, unless told otherwise; when that ends, another takes over.
class BackgroundLoop {
 public:
  struct Options {
    // What the log says once when it begins to fail: "proofs wait".
    std::string waits;
    // A file of its own beside the database; empty: every process does it. The database file itself
    // must not be opened a second time: closing it would end SQLite's locks.
    std::string lock_file;
    // How often it looks when there is nothing to do.
    std::chrono::milliseconds pause{200};
  };

  // Called on the thread; false when there was nothing to do. What it throws counts as an error.
  using Work = std::function<Result<bool>()>;

  BackgroundLoop(Options options, Work work);
  ~BackgroundLoop();  // stops, and waits for what it is at

  // Begins nothing further. Returns at once.
  void Stop();

 private:
  void Run();
  // False when there was nothing to do, or nothing could be done now; the latter is logged.
  bool DoOne();
  Result<bool> DoWork();

  const Options options_;
  const Work work_;
  std::optional<FileLock> lock_;  // kept once taken
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  bool failing_ = false;
  std::thread thread_;
};

}  // namespace imrelay
