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

#include "base/clock.h"
#include "base/result.h"
#include "spool/record.h"
#include "spool/spool_file.h"

namespace imrelay {

// What a spool leaves free on its disk. Where anybody may post into it, a database on the same disk
// has to be able to go on; what a worker keeps would be lost otherwise, so it goes on nearly to the
// end.
inline constexpr std::uint64_t kFreeForStrangers = 64 << 20;
inline constexpr std::uint64_t kFreeForWorkers = 4 << 20;

// Appends requests to files of one directory, durably. One thread writes everything that was handed
// in, syncs once, and then tells each. Thread-safe; several processes may write to one directory,
// each to files of its own.
//
// A file is named by when it was begun, so that names sort by age:
// 20261126T010203.004Z-PID-N.spool, mode 0600. The writer holds an flock on the one it writes, so
// nobody takes that in before it is closed, or the process is dead; it closes a file that is a
// second old, or a little more where it gathers, or 8 MiB long. The names are on disk (the
// directory is synced) before anything in them is reported as written. Names never go back, also
// when the clock does. A directory that somebody removed is made anew.
class SpoolWriter {
 public:
  // Called once, on the writer's thread, perhaps before Append returns: OK when the request is on
  // disk. Errors: kUnavailable when it could not be written, with the reason "full" when the
  // directory holds all it may or the disk is nearly full; nothing is left of it in the file then,
  // unless the disk refuses that too. It must be quick.
  using Done = std::function<void(Status)>;

  struct Options {
    std::string directory;
    // All spool files of the directory together. Anyone can post while no worker looks at it, so
    // the disk must not fill up by it.
    std::uint64_t most_bytes = std::uint64_t{1} << 30;
    // What is left to others on the disk.
    std::uint64_t least_free_bytes = kFreeForStrangers;
    std::chrono::milliseconds file_age{1000};
    std::uint64_t file_bytes = 8 << 20;
  };

  // Makes the directory, mode 0700, where there is none. Errors: kUnavailable, naming it.
  static Result<std::unique_ptr<SpoolWriter>> Open(Options options);
  ~SpoolWriter();  // writes what was handed in, and closes its file
  SpoolWriter(const SpoolWriter&) = delete;
  SpoolWriter& operator=(const SpoolWriter&) = delete;

  // A body of more than kMaxSpooledBody bytes is kInvalidArgument.
  void Append(SpooledRequest request, Done done);

  // How long what is handed in is gathered before it is written, so that senders who wait for their
  // answer hand in less; at first it is not. CloseFile has it written at once, and so do many.
  void Gather(std::chrono::milliseconds longest);

  // Closes the file it writes, if any, once what was handed in is written, so that it may be taken
  // in at once. Returns when it is closed.
  void CloseFile();

 private:
  struct Work {
    std::string record;
    Done done;
  };

  explicit SpoolWriter(Options options);
  void Loop();
  // Until something has to be done; true when that is to end.
  bool Wait(std::vector<Work>& batch, std::uint64_t& closings);
  void WriteBatch(std::vector<Work>& batch);
  Status Write(const std::string& record);
  Status EnsureFile();
  // Looks how much room there is, at most once a second.
  Status EnsureRoom(std::uint64_t bytes);
  // Syncs what was written since the last time, and tells everyone of `written`.
  void Settle(std::vector<Work*>& written);
  static void Tell(const Work& work, Status status);

  const Options options_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::condition_variable closed_;
  std::vector<Work> queue_;
  bool stopping_ = false;
  std::chrono::milliseconds gathering_{0};
  std::chrono::steady_clock::time_point gathered_since_{};  // the first of queue_
  std::uint64_t closings_wanted_ = 0;
  std::uint64_t closings_done_ = 0;
  // Of the thread alone.
  std::unique_ptr<SpoolFile> file_;
  TimePoint last_begun_{};
  std::uint64_t begun_ = 0;  // files
  std::chrono::steady_clock::time_point measured_{};
  std::uint64_t used_ = 0;  // bytes in the directory when measured, and what was written since
  std::uint64_t free_ = 0;  // bytes of the disk, likewise
  std::thread thread_;      // last: it uses the others
};

}  // namespace imrelay
