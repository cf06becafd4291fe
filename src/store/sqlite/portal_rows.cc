#include "store/sqlite/portal_rows.h"

#include <utility>

#include "store/sqlite/erasure_rows.h"
#include "store/sqlite/installation_rows.h"
#include "store/sqlite/message_rows.h"

namespace imrelay {
namespace {

std::optional<TimePoint> TimeIn(const Statement& row, int column) {
  if (row.IsNull(column)) return std::nullopt;
  return FromUnixSeconds(row.Integer(column));
}

// The portals whose names `find` gives.
Result<std::vector<PortalAccess>> FindEach(Database& database, Statement& find) {
  std::vector<MemberId> members;
  while (true) {
    Result<bool> row = find.Step();
    if (!row) return Fail(std::move(row).error());
    if (!*row) break;
    members.emplace_back(find.Text(0));
  }
  std::vector<PortalAccess> portals;
  for (const MemberId& member_id : members) {
    Result<std::optional<PortalAccess>> access = FindAccessRow(database, member_id);
    if (!access) return Fail(std::move(access).error());
    if (*access) portals.push_back(**std::move(access));
  }
  return portals;
}

// Adds the access token and the refresh token of each row of `find`.
Status AddSealedValues(Statement& find, const sql::Query& replace_access,
                       const sql::Query& replace_refresh, std::vector<SealedValue>& values) {
  while (true) {
    Result<bool> row = find.Step();
    if (!row) return Fail(std::move(row).error());
    if (!*row) return {};
    const MemberId member_id(find.Text(1));
    if (std::string sealed = find.Text(2); !sealed.empty()) {
      values.push_back({&replace_access, find.Integer(0), SealPurpose("access_token", member_id),
                        std::move(sealed)});
    }
    if (std::string sealed = find.Text(3); !sealed.empty()) {
      values.push_back({&replace_refresh, find.Integer(0), SealPurpose("refresh_token", member_id),
                        std::move(sealed)});
    }
  }
}

}  // namespace

Result<std::optional<PortalAccess>> FindAccessRow(Database& database, const MemberId& member_id) {
  Statement& find = database.Prepare(sql::kPortalAccessFind);
  Result<bool> row = find.Bind(member_id.value()).Step();
  if (!row) return Fail(std::move(row).error());
  if (!*row) return std::optional<PortalAccess>();
  PortalAccess access;
  access.id = PortalId(find.Integer(0));
  access.member_id = member_id;
  access.application = find.Text(1);
  access.status = PortalStatusOf(find.Text(2));
  access.domain = find.Text(3);
  access.client_endpoint = find.Text(4);
  access.scope = find.Text(5);
  access.server_endpoint = find.Text(6);
  access.sealed_access_token = find.Text(7);
  access.sealed_refresh_token = find.Text(8);
  access.chain = find.Integer(9);
  access.token_expires_at = TimeIn(find, 10);
  access.tokens_granted_at = TimeIn(find, 11);
  access.dead_reason = find.Text(12);
  access.installation = EventId(find.OptionalInteger(13).value_or(0));
  access.last_event_at = TimeIn(find, 14);
  return std::optional(std::move(access));
}

Result<std::vector<PortalAccess>> ListAccessRows(Database& database) {
  return FindEach(database, database.Prepare(sql::kPortalMembers));
}

Result<std::vector<PortalAccess>> FindUpkeepRows(Database& database, TimePoint now, int limit) {
  Statement& find = database.Prepare(sql::kPortalMembersDue);
  return FindEach(database, find.Bind(UnixSeconds(now)).Bind(std::int64_t{limit}));
}

Result<bool> ReplaceTokensRow(Database& database, PortalId portal, std::int64_t chain,
                              const ProvenInstallation& granted, TimePoint now) {
  Statement& replace = database.Prepare(sql::kPortalReplaceTokens);
  replace.Bind(portal.value()).Bind(chain).BindBlob(granted.sealed_access_token);
  replace.BindBlob(granted.sealed_refresh_token).BindOptional(SecondsOf(granted.token_expires_at));
  replace.Bind(granted.client_endpoint).Bind(granted.domain).Bind(granted.scope);
  Status done = replace.Bind(granted.server_endpoint).Bind(UnixSeconds(now)).Run();
  if (!done) return Fail(std::move(done).error());
  return database.changes() == 1;
}

Status MarkUninstalledRow(Database& database, PortalId portal, std::int64_t chain, TimePoint now) {
  Statement& find = database.Prepare(sql::kPortalHasChain);
  Result<bool> row = find.Bind(portal.value()).Bind(chain).Step();
  if (!row) return Fail(std::move(row).error());
  if (!*row) return {};
  // Installations that were posted after the present one may be its successors: their own proof
  // decides about them.
  const std::optional<std::int64_t> ts = find.OptionalInteger(0);
  Result<Changed> changed = Apply({database, portal, now, ts}, PortalUninstalled{false});
  if (!changed) return Fail(std::move(changed).error());
  return {};
}

Result<Registration> FindRegistrationRow(Database& database, PortalId portal) {
  Statement& find = database.Prepare(sql::kPortalRegistration);
  Result<bool> row = find.Bind(portal.value()).Step();
  if (!row) return Fail(std::move(row).error());
  if (!*row) return Registration{};
  return Registration{find.Text(0), TimeIn(find, 1), find.Text(2)};
}

Status RecordRegistrationRow(Database& database, const PortalAccess& portal,
                             const Registration& done, TimePoint now, TimePoint next) {
  Statement& record = database.Prepare(sql::kPortalRecordRegistration);
  record.Bind(portal.id.value()).Bind(done.fingerprint).Bind(done.problem);
  record.Bind(UnixSeconds(now)).Bind(UnixSeconds(next));
  return record.Bind(portal.installation.value()).Run();
}

Result<InstallationState> FindInstallationStateRow(Database& database, EventId event) {
  Statement& find = database.Prepare(sql::kInstallationStateFind);
  Result<bool> row = find.Bind(event.value()).Step();
  if (!row) return Fail(std::move(row).error());
  using Stage = InstallationState::Stage;
  // Only what was refused is ever taken out of the journal.
  if (!*row) return InstallationState{Stage::kRefused, "refused"};
  const std::string status = find.Text(0);
  if (status == "waiting") return InstallationState{Stage::kWaiting, find.Text(2)};
  if (status == "rejected") return InstallationState{Stage::kRefused, find.Text(1)};
  return InstallationState{Stage::kProven, {}};
}

Result<DeletionOutlook> FindOutlookRow(Database& database, PortalId portal, TimePoint now) {
  Statement& find = database.Prepare(sql::kPortalOutlook);
  Result<bool> row = find.Bind(portal.value())
                         .Bind(std::int64_t{kOutlookLimit})
                         .Bind(UnixSeconds(now - kConfirmedWithin))
                         .Step();
  if (!row) return Fail(std::move(row).error());
  return DeletionOutlook{find.Integer(0), find.Integer(1), TimeIn(find, 2)};
}

Result<std::map<std::string, std::int64_t>> CountPortalRows(Database& database) {
  std::map<std::string, std::int64_t> counts{
      {"active", 0}, {"dead", 0}, {"pending", 0}, {"uninstalled", 0}};
  Statement& find = database.Prepare(sql::kPortalCounts);
  while (true) {
    Result<bool> row = find.Step();
    if (!row) return Fail(std::move(row).error());
    if (!*row) return counts;
    counts[find.Text(0)] = find.Integer(1);
  }
}

Result<PortalId> BeginRemovalRows(Database& database, const MemberId& member_id, TimePoint now) {
  Statement& find = database.Prepare(sql::kPortalFind);
  Result<bool> row = find.Bind(member_id.value()).Step();
  if (!row) return Fail(std::move(row).error());
  if (!*row) return Fail(ErrorCode::kNotFound, "no portal " + member_id.value());
  const PortalId portal(find.Integer(0));
  database.ResetStatements();
  // Nothing that comes is of it from now on.
  Status begun =
      database.Prepare(sql::kPortalUninstall).Bind(portal.value()).Bind(UnixSeconds(now)).Run();
  if (begun) begun = database.Prepare(sql::kEraseInstallations).Bind(portal.value()).Run();
  if (begun) begun = BeginErasure(database, portal);
  if (!begun) return Fail(std::move(begun).error());
  return portal;
}

Result<std::vector<SealedValue>> FindSealedValues(Database& database) {
  std::vector<SealedValue> values;
  Status found =
      AddSealedValues(database.Prepare(sql::kPortalsSealed), sql::kPortalResealAccessToken,
                      sql::kPortalResealRefreshToken, values);
  if (found) {
    found = AddSealedValues(database.Prepare(sql::kInstallationsSealed),
                            sql::kInstallationResealAccessToken,
                            sql::kInstallationResealRefreshToken, values);
  }
  if (!found) return Fail(std::move(found).error());
  return values;
}

Result<bool> ReplaceSealedValue(Database& database, const SealedValue& value,
                                const std::string& sealed) {
  Statement& replace = database.Prepare(*value.replace);
  Status done = replace.Bind(value.row).BindBlob(value.sealed).BindBlob(sealed).Run();
  if (!done) return Fail(std::move(done).error());
  return database.changes() == 1;
}

}  // namespace imrelay
