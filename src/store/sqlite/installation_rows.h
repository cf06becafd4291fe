#pragma once

#include <optional>
#include <string>

#include "store/sqlite/database.h"
#include "store/store.h"

namespace imrelay {

// The rows behind Store's calls about installations and portals; each runs inside a writer's job,
// the two Find… on any connection. Meanings and errors are those of store.h.
Result<std::optional<Portal>> FindPortalRow(Database& database, const MemberId& member_id);
Result<Committed> AddInstallationRow(Database& database, const InstallationRequest& request);
Result<std::optional<InstallationWork>> TakeInstallationRow(Database& database, TimePoint now);
Status SetGrantRow(Database& database, InstallationId id, const ProvenInstallation& granted);
Status AcceptInstallationRow(Database& database, InstallationId id,
                             const ProvenInstallation& proven, TimePoint now);
Status RefuseInstallationRow(Database& database, InstallationId id, const std::string& reason);
// Refuses what is outstanding of a portal and was posted before `ts`, the portal's clock.
Status RefuseOlderInstallations(Database& database, PortalId portal, std::int64_t ts);
Result<std::vector<WaitingEvent>> FindWaitingEvents(Database& database, int limit);

// The words of the schema.
PortalStatus PortalStatusOf(const std::string& word);

}  // namespace imrelay
