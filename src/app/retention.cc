#include "app/retention.h"

#include <string>

#include "base/log.h"

namespace imrelay {
namespace {

constexpr std::chrono::hours kBetweenWalks{1};

}  // namespace

Retention::Retention(SqliteStore& store, const Clock& clock, std::chrono::days keep)
    : store_(store), clock_(clock), keep_(keep) {}

Result<bool> Retention::DoOne() {
  // Before everything else, and without a pause: somebody asked for it.
  Result<bool> erased = store_.EraseNext();
  if (!erased || *erased) return erased;
  if (keep_.count() == 0) return false;
  if (!table_) {
    if (next_ && std::chrono::steady_clock::now() < *next_) return false;
    table_ = Aging::kEvents;
  }
  if (Status walked = Walk(clock_.Now()); !walked) return Fail(std::move(walked).error());
  return false;
}

Status Retention::Walk(TimePoint now) {
  Result<AgingWalk> walk = store_.EraseAged(*table_, after_, now - keep_, now);
  if (!walk) return Fail(std::move(walk).error());
  after_ = walk->after;
  erased_[static_cast<std::size_t>(*table_)] += walk->erased;
  if (!walk->end) return {};
  after_ = 0;
  if (*table_ == Aging::kEvents) {
    table_ = Aging::kDeliveries;
    return {};
  }
  table_.reset();
  next_ = std::chrono::steady_clock::now() + kBetweenWalks;
  if (erased_[0] + erased_[1] > 0) {
    Log(LogLevel::kInfo, "old rows erased",
        {{"events", std::to_string(erased_[0])}, {"deliveries", std::to_string(erased_[1])}});
  }
  erased_ = {};
  return {};
}

}  // namespace imrelay
