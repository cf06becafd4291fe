#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "store/portal_store.h"
#include "store/sqlite/database.h"

namespace imrelay {

// The rows behind PortalStore, and Store::RemovePortal. Those that find run on any connection, the
// others inside a writer's job. Meanings and errors are those of the interfaces.
Result<std::optional<PortalAccess>> FindAccessRow(Database& database, const MemberId& member_id);
Result<std::vector<PortalAccess>> ListAccessRows(Database& database);
Result<std::vector<PortalAccess>> FindUpkeepRows(Database& database, TimePoint now, int limit);
Result<bool> ReplaceTokensRow(Database& database, PortalId portal, std::int64_t chain,
                              const ProvenInstallation& granted, TimePoint now);
Status MarkUninstalledRow(Database& database, PortalId portal, std::int64_t chain, TimePoint now);
Result<Registration> FindRegistrationRow(Database& database, PortalId portal);
Status RecordRegistrationRow(Database& database, const PortalAccess& portal,
                             const Registration& done, TimePoint now, TimePoint next);
Result<InstallationState> FindInstallationStateRow(Database& database, EventId event);
Result<DeletionOutlook> FindOutlookRow(Database& database, PortalId portal, TimePoint now);
Result<std::map<std::string, std::int64_t>> CountPortalRows(Database& database);
// Uninstalls it, so that EraseStep can remove it.
Result<PortalId> BeginRemovalRows(Database& database, const MemberId& member_id, TimePoint now);

// One sealed value of the database.
struct SealedValue {
  const sql::Query* replace;  // binds its row, the old bytes, the new ones
  std::int64_t row;
  std::string purpose;
  std::string sealed;
};
Result<std::vector<SealedValue>> FindSealedValues(Database& database);
// Returns false when it is not what it was.
Result<bool> ReplaceSealedValue(Database& database, const SealedValue& value,
                                const std::string& sealed);

}  // namespace imrelay
