#include "store/sqlite/offline_rows.h"
#include "store/sqlite/sqlite_store_calls.h"

namespace imrelay {

Status SqliteStore::MakeOfflineReadsDue(TimePoint now) {
  return writer_.Run([&](Database& database) {
    return database.Prepare(sql::kOfflineDueAll).Bind(UnixSeconds(now)).Run();
  });
}

Result<std::optional<PortalAccess>> SqliteStore::BeginOfflineRead(TimePoint now, TimePoint next) {
  // Looked at first without writing, because it is asked every second.
  Result<bool> due = ReadSnapshot<bool>([&](Database& database) {
    return database.Prepare(sql::kOfflineDue).Bind(UnixSeconds(now)).Step();
  });
  if (!due) return Fail(std::move(due).error());
  if (!*due) return std::optional<PortalAccess>();
  return Write<std::optional<PortalAccess>>(
      [&](Database& database) { return BeginOfflineReadRow(database, now, next); });
}

Status SqliteStore::EndOfflineRead(PortalId portal, const OfflineRead& read, TimePoint now) {
  return writer_.Run(
      [&](Database& database) { return EndOfflineReadRow(database, portal, read, now); });
}

Result<OfflineQueueState> SqliteStore::FindOfflineQueue(PortalId portal) {
  return ReadSnapshot<OfflineQueueState>(
      [&](Database& database) { return FindOfflineQueueRow(database, portal); });
}

Status SqliteStore::SetOfflineExtended(PortalId portal, bool extended, TimePoint now) {
  return writer_.Run([&](Database& database) {
    Statement& set = database.Prepare(sql::kOfflineSetExtended);
    return set.Bind(portal.value())
        .Bind(std::int64_t{extended ? 1 : 0})
        .Bind(UnixSeconds(now))
        .Run();
  });
}

}  // namespace imrelay
