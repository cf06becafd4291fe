#include "bitrix24/rate_limit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <optional>
#include <thread>
#include <utility>

#include "base/ownership.h"

namespace imrelay {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// The critical section is a read and a write, so whoever holds it longer was stopped there.
constexpr milliseconds kLongestLock{2000};
constexpr std::int64_t kMostPortals = std::int64_t{1} << 40;

// What stands in the file for a portal.
struct Record {
  std::uint64_t kind = 0;
  std::int64_t seen = 0;      // microseconds since 1970
  std::int64_t empty_at = 0;  // the same
  std::uint64_t check = 0;
};
static_assert(sizeof(Record) == RateLimit::kRecordBytes);

constexpr std::uint64_t kKind = 0x31746b6375627269;  // "irbuckt1"

// FNV-1a, against garbage and halves of writes, not against anybody.
std::uint64_t CheckOf(const Record& record) {
  std::uint64_t hash = 0xcbf29ce484222325;
  unsigned char bytes[offsetof(Record, check)];
  std::memcpy(bytes, &record, sizeof bytes);
  for (const unsigned char byte : bytes) hash = (hash ^ byte) * 0x100000001b3;
  return hash;
}

bool ReadRecord(int fd, std::int64_t offset, std::optional<Record>& record) {
  Record read;
  const ssize_t got = pread(fd, &read, sizeof read, offset);
  if (got < 0) return false;
  const bool whole = got == sizeof read && read.kind == kKind && read.check == CheckOf(read);
  record = whole ? std::optional(read) : std::nullopt;
  return true;
}

bool WriteRecord(int fd, std::int64_t offset, Record record) {
  record.kind = kKind;
  record.check = CheckOf(record);
  return pwrite(fd, &record, sizeof record, offset) == sizeof record;
}

// Locks one record for this open file description: flock(2) would lock all portals at once, and
// fcntl(2)'s older locks belong to the process.
bool SetLock(int fd, short type, std::int64_t offset) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = offset;
  lock.l_len = RateLimit::kRecordBytes;
  return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

bool IsStillAt(const std::string& file, int fd) {
  struct stat named {};
  struct stat opened {};
  return stat(file.c_str(), &named) == 0 && fstat(fd, &opened) == 0 &&
         named.st_dev == opened.st_dev && named.st_ino == opened.st_ino;
}

microseconds TimeOfCall(const CallRate& rate) {
  constexpr double kSlowest = 0.001;
  return microseconds(std::llround(std::ceil(1e6 / std::max(rate.per_second, kSlowest))));
}

}  // namespace

// The bucket holds what leaks away until `empty_at`.
struct RateLimit::Bucket {
  microseconds empty_at;
};

RateLimit::RateLimit(std::string file, CallRate rate, const Clock& clock)
    : file_(std::move(file)),
      a_call_(TimeOfCall(rate)),
      a_burst_(a_call_ * std::max(rate.burst, 1)),
      clock_(clock) {}

RateLimit::~RateLimit() {
  if (fd_ >= 0) close(fd_);
}

Result<milliseconds> RateLimit::Take(PortalId portal, milliseconds longest) {
  milliseconds wait{0};
  Status taken = Apply(portal, [&](microseconds now, Bucket& bucket) -> Status {
    const microseconds fits = bucket.empty_at + a_call_ - a_burst_ - now;
    wait = std::chrono::ceil<milliseconds>(std::max(fits, microseconds(0)));
    if (wait > std::max(longest, milliseconds(0))) {
      return Fail(ErrorCode::kRateLimited, "the portal takes no call for now", "rate_limited");
    }
    bucket.empty_at += a_call_;
    return {};
  });
  if (!taken) return Fail(std::move(taken).error());
  return wait;
}

Status RateLimit::Close(PortalId portal, TimePoint until) {
  return Apply(portal, [&](microseconds now, Bucket& bucket) -> Status {
    const microseconds latest = now + kLongestClosed;
    const microseconds first =
        std::clamp<microseconds>(until.time_since_epoch(), now + a_call_, latest + a_call_);
    // The next place is then at `first`, and the bucket is as full there as it may be.
    bucket.empty_at = std::max(bucket.empty_at, first - a_call_ + a_burst_);
    return {};
  });
}

Status RateLimit::Apply(PortalId portal, const Change& change) {
  if (portal.value() <= 0 || portal.value() >= kMostPortals) {
    return Fail(ErrorCode::kInternal, "the rate limit knows no such portal");
  }
  const std::int64_t offset = portal.value() * kRecordBytes;
  const std::lock_guard guard(mutex_);
  if (Status locked = Lock(offset); !locked) return locked;
  std::optional<Record> record;
  if (!ReadRecord(fd_, offset, record)) return Unusable("read");
  const microseconds now = clock_.Now().time_since_epoch();
  Bucket bucket{now};
  bool set_back = false;
  if (record) {
    // A clock that was set back: all times move with it.
    const microseconds back = std::max(microseconds(record->seen) - now, microseconds(0));
    set_back = back > microseconds(0);
    bucket.empty_at = std::max(microseconds(record->empty_at) - back, now);
  }
  const microseconds before = bucket.empty_at;
  Status changed = change(now, bucket);
  // Nothing to write is the case of many callers who all have to wait.
  const bool write = set_back || bucket.empty_at != before;
  if (write && !WriteRecord(fd_, offset, {0, now.count(), bucket.empty_at.count(), 0})) {
    return Unusable("write");
  }
  SetLock(fd_, F_UNLCK, offset);
  return changed;
}

Status RateLimit::Lock(std::int64_t offset) {
  constexpr microseconds kLongestNap{1000};
  const auto deadline = std::chrono::steady_clock::now() + kLongestLock;
  microseconds nap{20};
  while (true) {
    if (fd_ < 0) {
      if (Status opened = Open(); !opened) return opened;
    }
    if (SetLock(fd_, F_WRLCK, offset)) {
      if (IsStillAt(file_, fd_)) return {};
      // Removed or replaced: what others lock is another file by now.
      close(fd_);
      fd_ = -1;
    } else if (errno != EAGAIN && errno != EACCES && errno != EINTR) {
      return Unusable("lock");
    }
    if (std::chrono::steady_clock::now() > deadline) return Unusable("lock in time");
    std::this_thread::sleep_for(nap);
    nap = std::min(nap * 2, kLongestNap);
  }
}

Status RateLimit::Open() {
  fd_ = open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
  struct stat status {};
  if (fd_ < 0 || fstat(fd_, &status) != 0) return Unusable("open");
  errno = EINVAL;
  if (!S_ISREG(status.st_mode)) return Unusable("use");
  if (status.st_size == 0) GiveToOwnerOfFolder(fd_, file_);  // made just now
  return {};
}

// Lets the file go, so that the next call begins anew.
tl::unexpected<Error> RateLimit::Unusable(const char* what) {
  const std::string why = std::strerror(errno);
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
  return Fail(ErrorCode::kUnavailable, std::string("cannot ") + what + ' ' + file_ + ": " + why);
}

}  // namespace imrelay
