#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "store/portal_store.h"

namespace imrelay {

// Counts portals as the test says. Calls that no request makes by itself fail.
class ScriptedPortals final : public PortalStore {
 public:
  using Counts = std::map<std::string, std::int64_t>;
  Result<Counts> counts = Counts{};

  Result<Counts> CountPortals() override { return counts; }

  Result<std::optional<PortalAccess>> FindAccess(const MemberId&) override { return None(); }
  Result<std::vector<PortalAccess>> ListAccess() override { return None(); }
  Result<bool> ReplaceTokens(PortalId, std::int64_t, const ProvenInstallation&,
                             TimePoint) override {
    return None();
  }
  Status MarkDead(PortalId, std::int64_t, const std::string&, TimePoint) override { return None(); }
  Status MarkUninstalled(PortalId, std::int64_t, TimePoint) override { return None(); }
  Result<Registration> FindRegistration(PortalId) override { return None(); }
  Status RecordRegistration(const PortalAccess&, const Registration&, TimePoint,
                            TimePoint) override {
    return None();
  }
  Result<std::vector<PortalAccess>> DueForUpkeep(TimePoint, int) override { return None(); }
  Status ScheduleUpkeep(const PortalAccess&, TimePoint) override { return None(); }
  Status SetLine(PortalId, const ConnectorId&, LineId, bool, TimePoint) override { return None(); }
  Result<InstallationState> FindInstallationState(EventId) override { return None(); }
  Result<DeletionOutlook> FindOutlook(PortalId, TimePoint) override { return None(); }
  Result<int> ResealTokens(const Reseal&) override { return None(); }

 private:
  static tl::unexpected<Error> None() { return Fail(ErrorCode::kInternal, "no request does this"); }
};

}  // namespace imrelay
