#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace imrelay {

// The name of a spool file begun at `begun`, which sorts by it:
// 20261126T010203.004Z-PID-NNNNNN.spool.
std::string SpoolFileName(TimePoint begun, int process, std::uint64_t number);

// One spool file while it is written, under its flock. Not thread-safe.
class SpoolFile {
 public:
  // Makes the file, mode 0600, locks it, and has its name on disk.
  // Errors: kUnavailable; with the reason "taken" where somebody has just that file, so that
  // another name has to be tried.
  static Result<std::unique_ptr<SpoolFile>> Begin(const std::string& directory,
                                                  const std::string& name);
  // Closes it, so that it may be taken in. Nothing is left of a file with nothing in it.
  ~SpoolFile();
  SpoolFile(const SpoolFile&) = delete;
  SpoolFile& operator=(const SpoolFile&) = delete;

  // Adds a record behind the others, or leaves the file as it was. It is on disk after Sync.
  // Errors: kUnavailable. Where is_sound() is false then, the file ends with a torn record.
  Status Add(std::string_view record);
  // Errors: kUnavailable. What was added since the last Sync is cut off again, where that can be
  // done; nobody knows whether it is on disk, so nothing more may be added.
  Status Sync();

  // Somebody removed its name: what is added now is lost when it is closed.
  bool IsRemoved() const;
  bool is_sound() const { return sound_; }
  std::uint64_t bytes() const { return bytes_; }
  std::chrono::steady_clock::time_point begun() const { return begun_; }

 private:
  SpoolFile(int fd, std::string path);
  void CutBack(std::uint64_t bytes);

  const int fd_;
  const std::string path_;
  const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  std::uint64_t bytes_ = 0;
  std::uint64_t synced_ = 0;
  bool sound_ = true;
};

}  // namespace imrelay
