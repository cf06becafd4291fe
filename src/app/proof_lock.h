#pragma once

#include <string>
#include <utility>

#include "base/result.h"

namespace imrelay {

// Lets one process at a time prove the installations of a database: a refresh token works once, so
// two that try it spoil it for each other. The lock ends with its process, however that ends.
class ProofLock {
 public:
  // `path` is a file of its own beside the database, made when it is not there. The database file
  // itself must not be opened a second time: closing it would end SQLite's locks.
  explicit ProofLock(std::string path) : path_(std::move(path)) {}
  ~ProofLock();
  ProofLock(const ProofLock&) = delete;
  ProofLock& operator=(const ProofLock&) = delete;

  // Whether this process holds the lock now; tries to take it when it does not. Never waits.
  // Errors: kUnavailable, naming the file, when it cannot be opened: nobody would prove then.
  Result<bool> Held();

 private:
  const std::string path_;
  int fd_ = -1;
};

}  // namespace imrelay
