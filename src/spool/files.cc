#include "spool/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <memory>
#include <utility>

#include "base/ownership.h"

namespace imrelay {
namespace {

// A writer's files have 8 MiB and one record more.
constexpr std::uint64_t kLargestFile = 64 << 20;
constexpr std::string_view kSuffix = ".spool";

tl::unexpected<Error> SystemError(const char* what, const std::string& path, int error) {
  return Fail(ErrorCode::kUnavailable, what + (" " + path) + ": " + std::strerror(error));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  const int fd_;
};

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};

std::string FolderOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == path.npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string NameOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

Status WriteAll(int fd, const std::string& path, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return SystemError("write", path, errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

}  // namespace

Result<std::vector<std::string>> ListSpool(const std::string& directory) {
  const std::unique_ptr<DIR, CloseDirectory> open(opendir(directory.c_str()));
  if (!open && errno == ENOENT) return std::vector<std::string>();
  if (!open) return SystemError("open", directory, errno);
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = readdir(open.get())) {
    if (std::string_view(entry->d_name).ends_with(kSuffix)) names.emplace_back(entry->d_name);
  }
  if (errno != 0) return SystemError("read", directory, errno);
  std::sort(names.begin(), names.end());
  return names;
}

std::optional<TimePoint> SpoolFileBegun(const std::string& name) {
  std::tm parts{};
  int milliseconds = 0;
  if (std::sscanf(name.c_str(), "%4d%2d%2dT%2d%2d%2d.%3dZ-", &parts.tm_year, &parts.tm_mon,
                  &parts.tm_mday, &parts.tm_hour, &parts.tm_min, &parts.tm_sec,
                  &milliseconds) != 7) {
    return std::nullopt;
  }
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  return FromUnixSeconds(timegm(&parts)) + std::chrono::milliseconds(milliseconds);
}

std::optional<int> SpoolFileProcess(const std::string& name) {
  int process = 0;
  if (std::sscanf(name.c_str(), "%*[0-9T.Z]-%d-", &process) != 1 || process <= 0)
    return std::nullopt;
  return process;
}

Result<SpoolUsage> MeasureSpool(const std::string& directory) {
  Result<std::vector<std::string>> names = ListSpool(directory);
  if (!names) return Fail(std::move(names).error());
  SpoolUsage usage;
  for (const std::string& name : *names) {
    struct stat found {};
    if (lstat((directory + '/' + name).c_str(), &found) != 0) continue;  // taken in meanwhile
    ++usage.files;
    usage.bytes += static_cast<std::uint64_t>(found.st_size);
    if (!usage.oldest) usage.oldest = SpoolFileBegun(name);
  }
  return usage;
}

Status MakeSpoolDirectory(const std::string& directory) {
  struct stat found {};
  if (stat(directory.c_str(), &found) == 0) {
    if (S_ISDIR(found.st_mode)) return {};
    return Fail(ErrorCode::kUnavailable, directory + " is no directory");
  }
  const std::string above = FolderOf(directory);
  if (above != directory) {
    if (Status made = MakeSpoolDirectory(above); !made) return made;
  }
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return SystemError("make", directory, errno);
  }
  const Descriptor made(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (made.get() < 0) return SystemError("open", directory, errno);
  GiveToOwnerOfFolder(made.get(), directory);
  return SyncDirectory(above);
}

Status SyncDirectory(const std::string& directory) {
  const Descriptor open_directory(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (open_directory.get() < 0) return SystemError("open", directory, errno);
  if (fsync(open_directory.get()) != 0) return SystemError("sync", directory, errno);
  return {};
}

TakenSpool::TakenSpool(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

TakenSpool::TakenSpool(TakenSpool&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}

TakenSpool::~TakenSpool() {
  if (fd_ >= 0) close(fd_);
}

Result<std::optional<TakenSpool>> TakenSpool::Take(const std::string& path) {
  // Without O_NONBLOCK a pipe of that name would hold us up.
  const int fd = open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) return std::optional<TakenSpool>();
  if (fd < 0) return SystemError("open", path, errno);
  TakenSpool taken(fd, path);
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return std::optional<TakenSpool>();
    return SystemError("lock", path, errno);
  }
  struct stat found {};
  if (fstat(fd, &found) != 0) return SystemError("stat", path, errno);
  if (!S_ISREG(found.st_mode)) return Fail(ErrorCode::kInvalidArgument, path + " is no file");
  if (found.st_nlink == 0) return std::optional<TakenSpool>();
  return std::optional<TakenSpool>(std::move(taken));
}

Result<std::string> TakenSpool::Read() const {
  struct stat found {};
  if (fstat(fd_, &found) != 0) return SystemError("stat", path_, errno);
  const auto size = static_cast<std::uint64_t>(found.st_size);
  if (size > kLargestFile) {
    return Fail(ErrorCode::kInvalidArgument, path_ + " has more than 64 MiB, as no spool file has");
  }
  std::string content(size, '\0');
  std::size_t read = 0;
  while (read < content.size()) {
    const ssize_t got =
        pread(fd_, content.data() + read, content.size() - read, static_cast<off_t>(read));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return SystemError("read", path_, errno);
    if (got == 0) break;
    read += static_cast<std::size_t>(got);
  }
  content.resize(read);
  return content;
}

Status TakenSpool::Remove() {
  if (unlink(path_.c_str()) != 0 && errno != ENOENT) return SystemError("remove", path_, errno);
  return {};
}

Result<std::string> SetAside(const std::string& directory, const std::string& spool_path,
                             std::size_t offset, std::string_view bytes) {
  if (Status made = MakeSpoolDirectory(directory); !made) return Fail(std::move(made).error());
  const std::string path =
      directory + '/' + NameOf(spool_path) + '-' + std::to_string(offset) + ".damaged";
  const std::string part = path + ".part";
  const Descriptor file(
      open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (file.get() < 0) return SystemError("open", part, errno);
  GiveToOwnerOfFolder(file.get(), part);
  if (Status written = WriteAll(file.get(), part, bytes); !written) {
    return Fail(std::move(written).error());
  }
  if (fsync(file.get()) != 0) return SystemError("sync", part, errno);
  if (rename(part.c_str(), path.c_str()) != 0) return SystemError("rename", part, errno);
  if (Status synced = SyncDirectory(directory); !synced) return Fail(std::move(synced).error());
  return path;
}

}  // namespace imrelay
