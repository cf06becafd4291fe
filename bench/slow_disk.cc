// Preloaded into a worker: a disk whose fsync takes 5 ms more.
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <thread>

namespace {

int Sync(long call, int fd) {
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  return static_cast<int>(syscall(call, fd));
}

}  // namespace

extern "C" int fsync(int fd) { return Sync(SYS_fsync, fd); }
extern "C" int fdatasync(int fd) { return Sync(SYS_fdatasync, fd); }
