#include "app/proof_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/ownership.h"

namespace imrelay {

ProofLock::~ProofLock() {
  if (fd_ >= 0) close(fd_);
}

Result<bool> ProofLock::Held() {
  if (fd_ >= 0) return true;
  const int fd = open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    return Fail(ErrorCode::kUnavailable, "open " + path_ + ": " + std::strerror(errno));
  }
  GiveToOwnerOfFolder(fd, path_);
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    close(fd);
    return false;
  }
  fd_ = fd;
  return true;
}

}  // namespace imrelay
