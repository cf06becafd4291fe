#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "store/portal_store.h"

namespace imrelay {

// Hands every call on to another store; a test overrides what it wants to see or to spoil.
class ForwardingPortalStore : public PortalStore {
 public:
  explicit ForwardingPortalStore(PortalStore& store) : store_(store) {}

  Result<std::optional<PortalAccess>> FindAccess(const MemberId& member_id) override {
    return store_.FindAccess(member_id);
  }
  Result<std::vector<PortalAccess>> ListAccess() override { return store_.ListAccess(); }
  Result<bool> ReplaceTokens(PortalId portal, std::int64_t chain, const ProvenInstallation& granted,
                             TimePoint now) override {
    return store_.ReplaceTokens(portal, chain, granted, now);
  }
  Status MarkDead(PortalId portal, std::int64_t chain, const std::string& reason,
                  TimePoint now) override {
    return store_.MarkDead(portal, chain, reason, now);
  }
  Status MarkUninstalled(PortalId portal, std::int64_t chain, TimePoint now) override {
    return store_.MarkUninstalled(portal, chain, now);
  }
  Result<Registration> FindRegistration(PortalId portal) override {
    return store_.FindRegistration(portal);
  }
  Status RecordRegistration(const PortalAccess& portal, const Registration& done, TimePoint now,
                            TimePoint next) override {
    return store_.RecordRegistration(portal, done, now, next);
  }
  Result<std::vector<PortalAccess>> DueForUpkeep(TimePoint now, int limit) override {
    return store_.DueForUpkeep(now, limit);
  }
  Status ScheduleUpkeep(const PortalAccess& portal, TimePoint due) override {
    return store_.ScheduleUpkeep(portal, due);
  }
  Status SetLine(PortalId portal, const ConnectorId& connector, LineId line, bool active,
                 TimePoint now) override {
    return store_.SetLine(portal, connector, line, active, now);
  }
  Result<InstallationState> FindInstallationState(EventId installation_event) override {
    return store_.FindInstallationState(installation_event);
  }
  Result<DeletionOutlook> FindOutlook(PortalId portal, TimePoint now) override {
    return store_.FindOutlook(portal, now);
  }
  Result<std::map<std::string, std::int64_t>> CountPortals() override {
    return store_.CountPortals();
  }
  Result<int> ResealTokens(const Reseal& reseal) override { return store_.ResealTokens(reseal); }

 private:
  PortalStore& store_;
};

}  // namespace imrelay
