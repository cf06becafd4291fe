#include "spool/spool_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <utility>

#include "base/failpoint.h"
#include "base/ownership.h"
#include "spool/files.h"

namespace imrelay {
namespace {

tl::unexpected<Error> SystemError(const char* what, const std::string& path, int error) {
  return Fail(ErrorCode::kUnavailable, what + (" " + path) + ": " + std::strerror(error));
}

}  // namespace

std::string SpoolFileName(TimePoint begun, int process, std::uint64_t number) {
  const auto milliseconds = begun.time_since_epoch().count() % 1000;
  const std::time_t seconds = UnixSeconds(begun);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char name[96];
  std::snprintf(name, sizeof name, "%04d%02d%02dT%02d%02d%02d.%03dZ-%d-%06llu.spool",
                parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min,
                parts.tm_sec, static_cast<int>(milliseconds), process,
                static_cast<unsigned long long>(number));
  return name;
}

SpoolFile::SpoolFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

SpoolFile::~SpoolFile() {
  if (bytes_ == 0) unlink(path_.c_str());
  close(fd_);
}

Result<std::unique_ptr<SpoolFile>> SpoolFile::Begin(const std::string& directory,
                                                    const std::string& name) {
  const std::string path = directory + '/' + name;
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0 && errno == EEXIST) return Fail(ErrorCode::kUnavailable, path + " exists", "taken");
  if (fd < 0) return SystemError("open", path, errno);
  std::unique_ptr<SpoolFile> file(new SpoolFile(fd, path));
  GiveToOwnerOfFolder(fd, path);
  // An intake may have come between: it holds the file, or has removed it because it was empty.
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return Fail(ErrorCode::kUnavailable, path + " is locked", "taken");
    return SystemError("lock", path, errno);
  }
  struct stat found {};
  if (fstat(fd, &found) != 0) return SystemError("stat", path, errno);
  if (found.st_nlink == 0) return Fail(ErrorCode::kUnavailable, path + " was removed", "taken");
  if (Status synced = SyncDirectory(directory); !synced) return Fail(std::move(synced).error());
  return file;
}

Status SpoolFile::Add(std::string_view record) {
  std::string_view rest = record;
  while (!rest.empty()) {
    const ssize_t written = write(fd_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      const int error = written < 0 ? errno : EIO;
      CutBack(bytes_);
      return SystemError("write", path_, error);
    }
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  bytes_ += record.size();
  Failpoint("spool.written");
  return {};
}

Status SpoolFile::Sync() {
  if (fdatasync(fd_) != 0) {
    const int error = errno;
    CutBack(synced_);
    sound_ = false;
    return SystemError("sync", path_, error);
  }
  synced_ = bytes_;
  Failpoint("spool.synced");
  return {};
}

bool SpoolFile::IsRemoved() const {
  struct stat found {};
  return fstat(fd_, &found) == 0 && found.st_nlink == 0;
}

void SpoolFile::CutBack(std::uint64_t bytes) {
  if (ftruncate(fd_, static_cast<off_t>(bytes)) == 0) {
    bytes_ = bytes;
    return;
  }
  sound_ = false;
  bytes_ = bytes_ > 0 ? bytes_ : 1;  // something is in it: it is set aside by whoever takes it in
}

}  // namespace imrelay
