#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "admin/doctor.h"
#include "base/clock.h"

namespace imrelay {

// All that is known of the spool, so that judging it asks nobody.
struct SpoolSight {
  struct Directory {
    std::string path;
    std::string fault = {};  // why it cannot be used, with its mend; empty when it can
    std::string mend = {};
    std::uint64_t files = 0;
    std::uint64_t bytes = 0;
    std::uint64_t most_bytes = 0;          // it may hold
    std::optional<TimePoint> oldest = {};  // when the oldest file was begun
  };
  std::vector<Directory> directories;
  std::uint64_t free_bytes = 0;            // of the disk
  std::uint64_t least_free_bytes = 0;      // below which the spooler keeps nothing
  std::uint64_t least_free_of_worker = 0;  // below which nothing at all is kept
  std::string damaged;                     // the directory of what was set aside
  std::uint64_t damaged_files = 0;
};

// Judges whether events can be kept while the worker or the database is away, and whether what was
// kept is taken in.
Findings CheckSpool(const SpoolSight& sight, TimePoint now);

// What waits longer is not taken in by itself any more.
inline constexpr std::chrono::minutes kSpoolWaitsTooLong{1};

}  // namespace imrelay
