#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "base/result.h"

namespace imrelay {

// The reason of a lock that somebody else has.
inline constexpr const char* kLocked = "locked";

// A lock that every thread of every process on this machine sees: one byte of a file, `slot`,
// locked for an open file description of its own (fcntl(2), F_OFD_SETLK). It ends with its holder,
// however that ends; a process forked by the holder does not hold it, but one that outlives a
// holder that was killed keeps it until it ends, too, or executes another program. The file is made
// with mode 0600 when there is none, and is never removed.
class FileLock {
 public:
  // Takes the lock when it is free; none when somebody else has it.
  // Errors: kUnavailable when the file cannot be opened or locked.
  static Result<std::optional<FileLock>> Try(const std::string& path, std::int64_t slot);

  // Waits for it, `longest` at most.
  // Errors: as Try; kUnavailable with the reason kLocked when the time is up.
  static Result<FileLock> Wait(const std::string& path, std::int64_t slot,
                               std::chrono::milliseconds longest);

  FileLock(FileLock&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), slot_(other.slot_), process_(other.process_) {}
  FileLock& operator=(FileLock&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(slot_, other.slot_);
    std::swap(process_, other.process_);
    return *this;
  }
  ~FileLock();

 private:
  FileLock(int fd, std::int64_t slot);

  int fd_;
  std::int64_t slot_;
  pid_t process_;  // that took it
};

}  // namespace imrelay
