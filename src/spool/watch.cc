#include "spool/watch.h"

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "spool/files.h"

namespace imrelay {
namespace {

// Two changes this near may have the same time: a kernel counts ticks, a file system perhaps
// seconds.
constexpr std::int64_t kNearNanoseconds = 2'000'000'000;

}  // namespace

SpoolWatch::SpoolWatch(std::string directory) : directory_(std::move(directory)) {}

bool SpoolWatch::HasNew() {
  struct stat found {};
  if (stat(directory_.c_str(), &found) != 0) return false;
  const std::int64_t changed =
      std::int64_t{found.st_mtim.tv_sec} * 1'000'000'000 + found.st_mtim.tv_nsec;
  if (changed == settled_) return false;
  const std::int64_t now = std::chrono::duration_cast<std::chrono::nanoseconds>(
                               std::chrono::system_clock::now().time_since_epoch())
                               .count();
  Result<std::vector<std::string>> names = ListSpool(directory_);
  if (!names) return false;
  const bool has_new = !std::includes(known_.begin(), known_.end(), names->begin(), names->end());
  known_ = *std::move(names);
  // A time to come is that of a clock that was set back since.
  if (now - changed > kNearNanoseconds) settled_ = changed;
  return has_new;
}

}  // namespace imrelay
