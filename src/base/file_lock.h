#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "base/result.h"

namespace imrelay {

// A lock that every thread of every process on this machine sees: one byte of a file, `slot`,
// locked for an open file description of its own (fcntl(2), F_OFD_SETLK). It ends with its holder,
// however that ends. The file is made with mode 0600 when there is none, and is never removed.
class FileLock {
 public:
  // Takes the lock when it is free; none when somebody else has it.
  // Errors: kUnavailable when the file cannot be opened or locked.
  static Result<std::optional<FileLock>> Try(const std::string& path, std::int64_t slot);

  // Waits for it, `longest` at most.
  // Errors: as Try; kUnavailable with the reason "locked" when the time is up.
  static Result<FileLock> Wait(const std::string& path, std::int64_t slot,
                               std::chrono::milliseconds longest);

  FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileLock& operator=(FileLock&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FileLock();

 private:
  explicit FileLock(int fd) : fd_(fd) {}

  int fd_;
};

}  // namespace imrelay
