#include "ingest/portal_cache.h"

#include <utility>

namespace imrelay {
namespace {

// More portals than one service is likely to have; beyond it the cache starts anew.
constexpr std::size_t kMaxPortals = 4096;

}  // namespace

Result<std::shared_ptr<const Portal>> PortalCache::Find(const MemberId& member_id) {
  {
    const std::lock_guard lock(mutex_);
    const auto known = portals_.find(member_id);
    if (known != portals_.end()) return known->second;
  }
  return FindFresh(member_id);
}

Result<std::shared_ptr<const Portal>> PortalCache::FindFresh(const MemberId& member_id) {
  Result<std::optional<Portal>> read = store_.FindPortal(member_id);
  if (!read) return Fail(std::move(read).error());
  std::shared_ptr<const Portal> portal;
  if (*read) portal = std::make_shared<const Portal>(**std::move(read));
  const std::lock_guard lock(mutex_);
  if (!portal) {
    // Unknown names are not remembered: anyone can make up any number of them.
    portals_.erase(member_id);
  } else {
    if (portals_.size() >= kMaxPortals) portals_.clear();
    portals_[member_id] = portal;
  }
  return portal;
}

void PortalCache::Forget(const MemberId& member_id) {
  const std::lock_guard lock(mutex_);
  portals_.erase(member_id);
}

}  // namespace imrelay
