#include "base/file_lock.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>

#include "base/ownership.h"

namespace imrelay {
namespace {

constexpr std::chrono::milliseconds kLongestPause{20};

int SetLock(int fd, short type, std::int64_t slot) {
  struct flock range {};
  range.l_type = type;
  range.l_whence = SEEK_SET;
  range.l_start = slot;
  range.l_len = 1;
  return fcntl(fd, F_OFD_SETLK, &range) == 0 ? 0 : errno;
}

tl::unexpected<Error> SystemError(const char* what, const std::string& path, int error) {
  return Fail(ErrorCode::kUnavailable, what + (" " + path) + ": " + std::strerror(error));
}

}  // namespace

FileLock::FileLock(int fd, std::int64_t slot) : fd_(fd), slot_(slot), process_(getpid()) {}

FileLock::~FileLock() {
  if (fd_ < 0) return;
  // A process that was forked meanwhile has the same open file: it must neither keep the lock of
  // one that let go, nor end the lock of one that holds it.
  if (process_ == getpid()) SetLock(fd_, F_UNLCK, slot_);
  close(fd_);
}

Result<std::optional<FileLock>> FileLock::Try(const std::string& path, std::int64_t slot) {
  int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) {
    fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0) GiveToOwnerOfFolder(fd, path);
  }
  if (fd < 0) return SystemError("open", path, errno);
  const int error = SetLock(fd, F_WRLCK, slot);
  if (error == 0) return std::optional(FileLock(fd, slot));
  close(fd);
  if (error == EAGAIN || error == EACCES) return std::optional<FileLock>();
  return SystemError("lock", path, error);
}

Result<FileLock> FileLock::Wait(const std::string& path, std::int64_t slot,
                                std::chrono::milliseconds longest) {
  const auto deadline = std::chrono::steady_clock::now() + longest;
  std::chrono::milliseconds pause{1};
  while (true) {
    Result<std::optional<FileLock>> taken = Try(path, slot);
    if (!taken) return Fail(std::move(taken).error());
    if (*taken) return **std::move(taken);
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) {
      return Fail(ErrorCode::kUnavailable, path + " is locked by another", kLocked);
    }
    std::this_thread::sleep_for(std::min(pause, left));
    pause = std::min(pause * 2, kLongestPause);
  }
}

}  // namespace imrelay
