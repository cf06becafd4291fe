#include "admin/spool_checks.h"

#include <doctest/doctest.h>

namespace imrelay {
namespace {

const TimePoint kNow = FromUnixSeconds(1773748800);

SpoolSight Well() {
  SpoolSight sight;
  for (const char* path : {"/s/spooler", "/s/worker"}) {
    SpoolSight::Directory directory;
    directory.path = path;
    directory.files = 1;
    directory.bytes = 1000;
    directory.most_bytes = 100 << 20;
    directory.oldest = kNow - std::chrono::seconds(60);
    sight.directories.push_back(directory);
  }
  sight.free_bytes = 200 << 20;
  sight.least_free_bytes = 64 << 20;
  sight.least_free_of_worker = 4 << 20;
  sight.damaged = "/s/damaged";
  return sight;
}

// "warn /s/worker: found", a line each; each that is not well has a mend.
std::string Judge(const SpoolSight& sight) {
  std::string lines;
  for (const Finding& finding : CheckSpool(sight, kNow)) {
    const char* const levels[] = {"ok", "warn", "fail"};
    CHECK((finding.level == Finding::Level::kOk) == finding.mend.empty());
    lines += std::string(levels[static_cast<int>(finding.level)]) + ' ' + finding.subject + ": " +
             finding.found + '\n';
  }
  return lines;
}

TEST_CASE("spool_checks: what is taken in in time is well") {
  SpoolSight sight = Well();
  CHECK(Judge(sight) == "ok : can be written; 2 files wait\n");
  sight.directories[0].files = 0;
  CHECK(Judge(sight) == "ok : can be written; 1 file waits\n");
}

TEST_CASE("spool_checks: each fault is told") {
  SpoolSight sight = Well();
  sight.directories[1].oldest = kNow - std::chrono::minutes(7);
  CHECK(Judge(sight) == "warn /s/worker: 1 file waits, the oldest for 7 minutes\n");
  sight.directories[1].files = 2;
  sight.directories[1].oldest = kNow - std::chrono::seconds(61);
  CHECK(Judge(sight) == "warn /s/worker: 2 files wait, the oldest for 1 minute\n");
  sight = Well();
  sight.directories[0].fault = "it cannot be written";
  sight.directories[0].mend = "mend it";
  CHECK(Judge(sight) == "fail /s/spooler: it cannot be written\n");
  sight = Well();
  sight.directories[0].bytes = 81 << 20;
  CHECK(Judge(sight) ==
        "warn /s/spooler: 81 MiB wait; it holds 100 MiB, then events are refused\n");
  sight = Well();
  sight.free_bytes = 100 << 20;
  CHECK(Judge(sight) ==
        "warn : 100 MiB of the disk are free; below 64 MiB the spooler keeps nothing, below "
        "4 MiB the worker neither\n");
  sight = Well();
  sight.damaged_files = 2;
  CHECK(Judge(sight) == "warn /s/damaged: 2 damaged pieces of spool files were set aside\n");
  sight.damaged_files = 1;
  CHECK(Judge(sight) == "warn /s/damaged: 1 damaged piece of a spool file was set aside\n");
}

}  // namespace
}  // namespace imrelay
