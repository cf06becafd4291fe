#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "spool/record.h"

namespace imrelay {

// Appends requests to files of one directory, durably. One thread writes everything that was handed
// in, syncs once, and then tells each. Thread-safe; several processes may write to one directory,
// each to files of its own.
//
// A file is named by when it was begun, so that names sort by age: 20261126T010203.004Z-PID-N.spool,
// mode 0600. The writer holds an flock on the one it writes, so nobody takes that in before it is
// closed, or the process is dead; it closes a file that is a second old or 8 MiB long. The names
// are on disk (the directory is synced) before anything in them is reported as written.
class SpoolWriter {
 public:
  // Called once, on the writer's thread, perhaps before Append returns: OK when the request is on
  // disk. Errors: kUnavailable when it could not be written, with the reason "full" when the
  // directory holds all it may; nothing is left of it in the file then.
  using Done = std::function<void(Status)>;

  struct Options {
    std::string directory;
    // All spool files of the directory together. Anyone can post while no worker looks at it, so
    // the disk must not fill up by it.
    std::uint64_t most_bytes = std::uint64_t{1} << 30;
    std::chrono::milliseconds file_age{1000};
    std::uint64_t file_bytes = 8 << 20;
  };

  // Makes the directory, mode 0700, where there is none. Errors: kUnavailable, naming it.
  static Result<std::unique_ptr<SpoolWriter>> Open(Options options);
  ~SpoolWriter();  // writes what was handed in, and closes its file
  SpoolWriter(const SpoolWriter&) = delete;
  SpoolWriter& operator=(const SpoolWriter&) = delete;

  void Append(SpooledRequest request, Done done);

  // Closes the file it writes, if any, once what was handed in is written, so that it may be taken
  // in at once. Returns when it is closed.
  void CloseFile();

 private:
  class File;
  struct Work {
    std::string record;
    Done done;
  };

  explicit SpoolWriter(Options options);
  void Loop();

  const Options options_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<Work> queue_;
  bool stopping_ = false;
  std::unique_ptr<File> file_;
  std::thread thread_;
};

}  // namespace imrelay
