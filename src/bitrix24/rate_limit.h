#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "domain/ids.h"

namespace imrelay {

// How many calls a portal takes: the bucket leaks `per_second`, and is full at `burst`. Bitrix24
// counts per portal and caller's address, all applications together.
// Source: b24restdocs, limits.md: 2 and 50; 5 and 250 on the Enterprise plan.
struct CallRate {
  double per_second = 2;
  int burst = 50;
};

// The buckets of all portals, in one file that all threads of all processes share: a record of
// kRecordBytes a portal, at its number. In any time of length t at most burst + per_second * t
// calls get a place. What is lost with the file (it need not survive a power cut) or is no record
// (garbage) is only how full the buckets were. A clock that was set back empties none and stops
// none: what was to wait waits as long as before. Thread-safe; not to be used on both sides of a
// fork().
class RateLimit {
 public:
  // `file` is made with mode 0600 when there is none.
  RateLimit(std::string file, CallRate rate, const Clock& clock);
  ~RateLimit();
  RateLimit(const RateLimit&) = delete;
  RateLimit& operator=(const RateLimit&) = delete;

  // Takes a place for one call and tells how long to wait before it is sent; zero mostly. Places
  // are given in the order they were asked for. Errors: kRateLimited with the reason rate_limited,
  // and no place is taken, when that is longer than `longest`; kUnavailable when the file cannot be
  // used.
  Result<std::chrono::milliseconds> Take(PortalId portal, std::chrono::milliseconds longest);

  // The portal complained (QUERY_LIMIT_EXCEEDED, OVERLOAD_LIMIT): its bucket is full, and nobody
  // gets a place before `until`, which is believed up to kLongestClosed from now. Places that were
  // given already stay. Errors: kUnavailable as Take.
  Status Close(PortalId portal, TimePoint until);

  static constexpr std::int64_t kRecordBytes = 32;
  static constexpr std::chrono::hours kLongestClosed{24};

 private:
  struct Bucket;
  using Change = std::function<Status(std::chrono::microseconds now, Bucket& bucket)>;

  // Runs `change` on the bucket as it stands, alone in all processes.
  Status Apply(PortalId portal, const Change& change);
  Status Lock(std::int64_t offset);
  Status Open();
  tl::unexpected<Error> Unusable(const char* what);

  const std::string file_;
  const std::chrono::microseconds a_call_;   // in which one call leaks away
  const std::chrono::microseconds a_burst_;  // in which a full bucket does
  const Clock& clock_;
  std::mutex mutex_;
  int fd_ = -1;
};

}  // namespace imrelay
