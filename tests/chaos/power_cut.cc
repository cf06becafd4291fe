// Preloaded into a program (LD_PRELOAD), keeps what a power cut would leave of one directory.
//
// POWER_CUT_DIRECTORY is followed, with what is below it; POWER_CUT_KEPT, on the same file system,
// holds what is on disk for sure. Both are absolute and without links. tests/chaos/power_cut.py
// makes the second, and puts the directory back to it. With POWER_CUT_FORGETS no sync counts, as on
// a disk that lies. In the second:
//
//   synced/INODE   a file's content as it was last synced
//   dirty/INODE    what was written since: pairs of offsets, begin and end
//   names/INODE    a directory's names as they were last synced: "f INODE NAME", "d INODE NAME"
//   file/INODE     a link to the file, so that no other file is ever given its number
//
// So a file that was never synced is empty after the cut, and a name whose directory was not synced
// is not there, or there again. SQLite's -shm is no file to it: it is gone after a restart. What it
// cannot follow, such as a write through shared memory, ends the program.
//
// It makes the system calls itself instead of calling the functions whose place it takes. fsync
// writes nothing to the real disk, which nobody cuts off.

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <string>
#include <vector>

namespace {

constexpr uint64_t kEnd = UINT64_MAX;

struct Range {
  uint64_t begin;
  uint64_t end;
};

[[noreturn]] void Give(const char* what, const std::string& path) {
  dprintf(STDERR_FILENO, "power_cut: cannot follow %s of %s: %s\n", what, path.c_str(),
          strerror(errno));
  abort();
}

std::string Setting(const char* name) {
  const char* value = getenv(name);
  return value == nullptr ? std::string() : value;
}

const std::string& Followed() {
  static const std::string& directory = *new std::string(Setting("POWER_CUT_DIRECTORY"));
  return directory;
}

std::string Kept(const char* kind, uint64_t inode) {
  static const std::string& kept = *new std::string(Setting("POWER_CUT_KEPT"));
  return kept + '/' + kind + (inode == 0 ? std::string() : '/' + std::to_string(inode));
}

// The path of what a descriptor has open when that is followed, else nothing.
std::string PathOf(int fd) {
  if (Followed().empty()) return {};
  char link[32];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  char path[4096];
  const ssize_t length = readlink(link, path, sizeof path);
  if (length <= 0) return {};
  std::string name(path, static_cast<size_t>(length));
  const bool inside =
      name == Followed() || name.compare(0, Followed().size() + 1, Followed() + '/') == 0;
  return inside && !name.ends_with("-shm") ? name : std::string();
}

void WriteAll(int fd, const void* from, size_t size, off_t at, const std::string& path) {
  const char* bytes = static_cast<const char*>(from);
  while (size > 0) {
    const ssize_t done = syscall(SYS_pwrite64, fd, bytes, size, at);
    if (done <= 0) Give("what was written", path);
    bytes += done;
    size -= static_cast<size_t>(done);
    at += done;
  }
}

// One at a time, over all threads and processes; the end of a process lets go.
class Lock {
 public:
  Lock() : guard_(mutex()) {
    static const int file = open(Kept("lock", 0).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    fd_ = file;
    while (flock(fd_, LOCK_EX) != 0) {
      if (errno != EINTR) Give("the lock", Followed());
    }
  }
  ~Lock() {
    const int kept = errno;
    flock(fd_, LOCK_UN);
    errno = kept;
  }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  static std::mutex& mutex() {
    static std::mutex& one = *new std::mutex;
    return one;
  }
  std::lock_guard<std::mutex> guard_;
  int fd_ = -1;
};

struct stat Facts(int fd, const std::string& path) {
  struct stat facts {};
  if (fstat(fd, &facts) != 0) Give("the inode", path);
  return facts;
}

// Not by opening it: closing a descriptor of a file would end the locks that SQLite has on it.
void HoldNumber(int fd, const std::string& from, uint64_t inode) {
  const std::string to = Kept("file", inode);
  if (access(to.c_str(), F_OK) == 0) return;
  const std::string link = fd < 0 ? from : "/proc/self/fd/" + std::to_string(fd);
  if (linkat(AT_FDCWD, link.c_str(), AT_FDCWD, to.c_str(), AT_SYMLINK_FOLLOW) == 0) return;
  // A file without a name has no future.
  if (errno != EEXIST && errno != ENOENT) Give("the number", from);
}

// Before it is written, so that a killed writer leaves nothing unknown.
void NoteDirty(int fd, const std::string& path, Range range) {
  const struct stat facts = Facts(fd, path);
  HoldNumber(fd, path, facts.st_ino);
  const std::string name = Kept("dirty", facts.st_ino);
  const int list = open(name.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (list < 0) Give("what was written", path);
  WriteAll(list, &range, sizeof range, lseek(list, 0, SEEK_END), path);
  close(list);
}

std::vector<Range> TakeDirty(int list) {
  std::vector<Range> ranges;
  Range range{};
  while (read(list, &range, sizeof range) == static_cast<ssize_t>(sizeof range)) {
    ranges.push_back(range);
  }
  std::sort(ranges.begin(), ranges.end(),
            [](const Range& a, const Range& b) { return a.begin < b.begin; });
  std::vector<Range> joined;
  for (const Range& one : ranges) {
    if (!joined.empty() && one.begin <= joined.back().end) {
      joined.back().end = std::max(joined.back().end, one.end);
    } else {
      joined.push_back(one);
    }
  }
  return joined;
}

void SyncFile(int fd, const std::string& path) {
  const struct stat facts = Facts(fd, path);
  HoldNumber(fd, path, facts.st_ino);
  // Only what was opened for writing alone is opened again: SQLite opens nothing like that.
  const bool unreadable = (fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY;
  const int from = unreadable ? open(Kept("file", facts.st_ino).c_str(), O_RDONLY | O_CLOEXEC) : fd;
  const int to = open(Kept("synced", facts.st_ino).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  const int list = open(Kept("dirty", facts.st_ino).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (from < 0 || to < 0 || list < 0) Give("a sync", path);
  std::vector<char> bytes(1 << 16);
  for (const Range& range : TakeDirty(list)) {
    const uint64_t end = std::min<uint64_t>(range.end, static_cast<uint64_t>(facts.st_size));
    for (uint64_t at = range.begin; at < end;) {
      const ssize_t got = pread(from, bytes.data(), std::min<uint64_t>(bytes.size(), end - at),
                                static_cast<off_t>(at));
      if (got <= 0) Give("a sync", path);
      WriteAll(to, bytes.data(), static_cast<size_t>(got), static_cast<off_t>(at), path);
      at += static_cast<uint64_t>(got);
    }
  }
  // The list goes last: whoever is killed before has synced nothing yet, or all of it.
  if (syscall(SYS_ftruncate, to, facts.st_size) != 0 || syscall(SYS_ftruncate, list, 0) != 0) {
    Give("a sync", path);
  }
  close(list);
  close(to);
  if (unreadable) close(from);
}

void SyncNames(const std::string& path, uint64_t inode) {
  DIR* const directory = opendir(path.c_str());
  if (directory == nullptr) Give("the names", path);
  std::string names;
  while (const dirent* entry = readdir(directory)) {
    const std::string name = entry->d_name;
    if (name == "." || name == ".." || name.ends_with("-shm")) continue;
    struct stat facts {};
    const std::string whole = path + '/' + name;
    if (lstat(whole.c_str(), &facts) != 0) continue;  // gone since
    if (S_ISREG(facts.st_mode)) HoldNumber(-1, whole, facts.st_ino);
    if (!S_ISREG(facts.st_mode) && !S_ISDIR(facts.st_mode)) continue;
    names.append(S_ISDIR(facts.st_mode) ? "d " : "f ").append(std::to_string(facts.st_ino));
    names.append(1, ' ').append(name).append(1, '\n');
  }
  closedir(directory);
  const std::string fresh = Kept("names", 0) + "/new";
  const int file = open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) Give("the names", path);
  WriteAll(file, names.data(), names.size(), 0, path);
  close(file);
  if (rename(fresh.c_str(), Kept("names", inode).c_str()) != 0) Give("the names", path);
}

int Sync(int fd) {
  const std::string path = PathOf(fd);
  if (path.empty()) return static_cast<int>(syscall(SYS_fsync, fd));
  if (getenv("POWER_CUT_FORGETS") != nullptr) return 0;
  const Lock lock;
  const struct stat facts = Facts(fd, path);
  if (S_ISDIR(facts.st_mode)) {
    SyncNames(path, facts.st_ino);
  } else if (S_ISREG(facts.st_mode)) {
    SyncFile(fd, path);
  }
  return 0;
}

// Makes a change of a file: `call` under the lock, what it changes written down before. A `begin`
// of kEnd is where the descriptor stands.
template <typename Call>
auto Change(int fd, uint64_t begin, uint64_t size, Call call) {
  const std::string path = PathOf(fd);
  struct stat facts {};
  if (path.empty() || fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode)) return call();
  const Lock lock;
  if (begin == kEnd) {
    const bool appends = (fcntl(fd, F_GETFL) & O_APPEND) != 0;
    begin = static_cast<uint64_t>(appends ? Facts(fd, path).st_size : lseek(fd, 0, SEEK_CUR));
  }
  NoteDirty(fd, path, {begin, size == kEnd ? kEnd : begin + size});
  return call();
}

uint64_t SizeOf(const iovec* parts, int count) {
  uint64_t size = 0;
  for (int i = 0; i < count; ++i) size += parts[i].iov_len;
  return size;
}

void Refuse(int fd, const char* what) {
  const std::string path = PathOf(fd);
  if (!path.empty()) Give(what, path);
}

}  // namespace

extern "C" {

ssize_t write(int fd, const void* from, size_t size) {
  return Change(fd, kEnd, size, [&] { return syscall(SYS_write, fd, from, size); });
}

ssize_t writev(int fd, const iovec* parts, int count) {
  return Change(fd, kEnd, SizeOf(parts, count),
                [&] { return syscall(SYS_writev, fd, parts, count); });
}

ssize_t pwrite(int fd, const void* from, size_t size, off_t at) {
  return Change(fd, static_cast<uint64_t>(at), size,
                [&] { return syscall(SYS_pwrite64, fd, from, size, at); });
}

ssize_t pwrite64(int fd, const void* from, size_t size, off64_t at) {
  return pwrite(fd, from, size, at);
}

ssize_t pwritev(int fd, const iovec* parts, int count, off_t at) {
  return Change(fd, static_cast<uint64_t>(at), SizeOf(parts, count),
                [&] { return syscall(SYS_pwritev, fd, parts, count, at, 0L); });
}

ssize_t pwritev64(int fd, const iovec* parts, int count, off64_t at) {
  return pwritev(fd, parts, count, at);
}

int ftruncate(int fd, off_t size) noexcept {
  // What is cut off, and the zeros that come in its place, are as good as written.
  struct stat facts {};
  const off_t from = fstat(fd, &facts) == 0 ? std::min(size, facts.st_size) : size;
  return static_cast<int>(Change(fd, static_cast<uint64_t>(from), kEnd,
                                 [&] { return syscall(SYS_ftruncate, fd, size); }));
}

int ftruncate64(int fd, off64_t size) noexcept { return ftruncate(fd, size); }

int fallocate(int fd, int mode, off_t at, off_t size) {
  return static_cast<int>(Change(fd, static_cast<uint64_t>(at), kEnd,
                                 [&] { return syscall(SYS_fallocate, fd, mode, at, size); }));
}

int fallocate64(int fd, int mode, off64_t at, off64_t size) {
  return fallocate(fd, mode, at, size);
}

int posix_fallocate(int fd, off_t at, off_t size) {
  return fallocate(fd, 0, at, size) == 0 ? 0 : errno;
}

int posix_fallocate64(int fd, off64_t at, off64_t size) { return posix_fallocate(fd, at, size); }

int fsync(int fd) { return Sync(fd); }
int fdatasync(int fd) { return Sync(fd); }

void* mmap(void* where, size_t size, int protection, int flags, int fd, off_t at) noexcept {
  const bool writes = (flags & MAP_SHARED) != 0 && (protection & PROT_WRITE) != 0;
  if (fd >= 0 && writes) Refuse(fd, "writes through memory");
  return reinterpret_cast<void*>(syscall(SYS_mmap, where, size, protection, flags, fd, at));
}

void* mmap64(void* where, size_t size, int protection, int flags, int fd, off64_t at) noexcept {
  return mmap(where, size, protection, flags, fd, at);
}

ssize_t copy_file_range(int from, off64_t* at, int to, off64_t* to_at, size_t size,
                        unsigned flags) {
  Refuse(to, "copies");
  return syscall(SYS_copy_file_range, from, at, to, to_at, size, flags);
}

ssize_t sendfile(int to, int from, off_t* at, size_t size) noexcept {
  Refuse(to, "copies");
  return syscall(SYS_sendfile, to, from, at, size);
}

ssize_t sendfile64(int to, int from, off64_t* at, size_t size) noexcept {
  return sendfile(to, from, at, size);
}

}  // extern "C"
