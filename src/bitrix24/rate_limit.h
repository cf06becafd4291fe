#pragma once

#include <chrono>
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

// The buckets of all portals, in one file that all threads of all processes share. What is lost
// with the file (it need not survive a power cut) is only how full they were. Thread-safe.
class RateLimit {
 public:
  // `file` is made with mode 0600 when there is none.
  RateLimit(std::string file, CallRate rate, const Clock& clock);
  ~RateLimit();
  RateLimit(const RateLimit&) = delete;
  RateLimit& operator=(const RateLimit&) = delete;

  // Takes a place for one call and tells how long to wait before it is sent; zero mostly. Places
  // are given in the order they were asked for. Errors: kRateLimited, and no place is taken, when
  // that is longer than `longest`; kUnavailable when the file cannot be used.
  Result<std::chrono::milliseconds> Take(PortalId portal, std::chrono::milliseconds longest);

  // The portal complained (QUERY_LIMIT_EXCEEDED, OVERLOAD_LIMIT): its bucket is full, and nobody
  // gets a place before `until`.
  Status Close(PortalId portal, TimePoint until);

 private:
  const std::string file_;
  const CallRate rate_;
  const Clock& clock_;
  std::mutex mutex_;
  int fd_ = -1;
};

}  // namespace imrelay
