#include "recovery/deferred_files.h"

#include <algorithm>

namespace imrelay {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::chrono::seconds kDeferredFor{10};

}  // namespace

void DeferredFiles::Add(const std::string& path, bool may_prove) {
  const SteadyClock::time_point now = SteadyClock::now();
  std::erase_if(files_, [now](const auto& one) { return one.second.until <= now; });
  files_[path] = {now + kDeferredFor, may_prove};
}

bool DeferredFiles::Contains(const std::string& path) const {
  const auto found = files_.find(path);
  return found != files_.end() && SteadyClock::now() < found->second.until;
}

bool DeferredFiles::MayProve() const {
  return std::any_of(files_.begin(), files_.end(), [this](const auto& one) {
    return one.second.may_prove && Contains(one.first);
  });
}

}  // namespace imrelay
