#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "base/result.h"
#include "store/store.h"

namespace imrelay {

// The portals of recent events, so that an event does not read the database twice. A stale entry
// is harmless: the store has a plan made on one made anew, and no event is refused before the
// portal was read afresh. Thread-safe.
class PortalCache {
 public:
  explicit PortalCache(Store& store) : store_(store) {}

  // The portal as remembered, or read when it is not; null when there is none.
  Result<std::shared_ptr<const Portal>> Find(const MemberId& member_id);
  // The portal as committed now.
  Result<std::shared_ptr<const Portal>> FindFresh(const MemberId& member_id);
  // Has the portal read again by the next Find: it is known to have changed.
  void Forget(const MemberId& member_id);

 private:
  Store& store_;
  std::mutex mutex_;
  std::map<MemberId, std::shared_ptr<const Portal>> portals_;
};

}  // namespace imrelay
