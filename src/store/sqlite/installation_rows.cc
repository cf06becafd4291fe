#include "store/sqlite/installation_rows.h"

#include <algorithm>
#include <cstring>

#include "store/sqlite/erasure_rows.h"
#include "store/sqlite/event_rows.h"
#include "store/sqlite/place_rows.h"

namespace imrelay {
namespace {

struct InstallationRow {
  std::int64_t event_id = 0;
  std::int64_t portal = 0;
  std::string token_hash;
  std::optional<std::int64_t> ts;
  std::int64_t waiting_events = 0;
  std::int64_t waiting_bytes = 0;
  std::string application;
  bool has_token = true;
};

Result<std::optional<InstallationRow>> FindInstallation(Database& database, InstallationId id) {
  Statement& find = database.Prepare(sql::kInstallationFind);
  Result<bool> row = find.Bind(id.value()).Step();
  if (!row) return Fail(std::move(row).error());
  if (!*row) return std::optional<InstallationRow>();
  return std::optional(InstallationRow{find.Integer(1), find.Integer(2), find.Text(3),
                                       find.OptionalInteger(5), find.Integer(6), find.Integer(7),
                                       find.Text(8), find.Integer(9) != 0});
}

struct PortalRow {
  std::string member_id;
  std::string token_hash;
  std::int64_t installed_event_id = 0;
  std::string status;
};

Result<PortalRow> PortalOf(Database& database, const InstallationRow& installation) {
  Statement& find = database.Prepare(sql::kPortalOfInstallation);
  Result<bool> row = find.Bind(installation.portal).Step();
  if (!row) return Fail(std::move(row).error());
  if (!*row) return Fail(ErrorCode::kInternal, "an installation without its portal");
  return PortalRow{find.Text(0), find.Text(1), find.Integer(2), find.Text(3)};
}

// The installation that the waiting events of a refused one belong to as well, if any.
Result<std::optional<std::int64_t>> FindSibling(Database& database, InstallationId id,
                                                const InstallationRow& installation) {
  Statement& find = database.Prepare(sql::kInstallationSibling);
  find.Bind(id.value()).Bind(installation.portal).BindBlob(installation.token_hash);
  Result<bool> row = find.Step();
  if (!row) return Fail(std::move(row).error());
  if (!*row) return std::optional<std::int64_t>();
  return std::optional(find.Integer(0));
}

Status TouchPortal(Database& database, std::int64_t portal) {
  return database.Prepare(sql::kPortalTouch).Bind(portal).Run();
}

Status RemovePortalIfUnused(Database& database, std::int64_t portal, const std::string& member_id) {
  Statement& remove = database.Prepare(sql::kPortalIsUnused);
  Result<bool> unused = remove.Bind(portal).Step();
  if (!unused) return Fail(std::move(unused).error());
  if (!*unused) return TouchPortal(database, portal);
  Statement& unlink = database.Prepare(sql::kEventsUnlinkPendingPortal);
  if (Status done = unlink.Bind(portal).Bind(member_id).Run(); !done) return done;
  return database.Prepare(sql::kPortalRemove).Bind(portal).Run();
}

// Whether one more installation may wait for its proof; one that is journalled already does not
// need the room. Asked before anything is changed.
Status CheckRoom(Database& database, const InstallationRequest& request) {
  Statement& counts = database.Prepare(sql::kInstallationCounts);
  Result<bool> row = counts.Bind(request.member_id.value()).Step();
  if (!row) return Fail(std::move(row).error());
  if (counts.Integer(0) < kMaxInstallations && counts.Integer(1) < kMaxInstallationsOfPortal) {
    return {};
  }
  Result<std::optional<EventId>> known = FindJournalled(database, request.journal.key);
  if (!known) return Fail(std::move(known).error());
  if (*known) return {};
  return Fail(ErrorCode::kRateLimited, "too many installations wait for their proof",
              "too_many_installations");
}

Result<std::int64_t> ClaimPortal(Database& database, const MemberId& member_id) {
  if (Status made = database.Prepare(sql::kPortalClaim).Bind(member_id.value()).Run(); !made) {
    return Fail(std::move(made).error());
  }
  Statement& find = database.Prepare(sql::kPortalFind);
  Result<bool> row = find.Bind(member_id.value()).Step();
  if (!row) return Fail(std::move(row).error());
  if (!*row) return Fail(ErrorCode::kInternal, "the portal was not made");
  return find.Integer(0);
}

std::optional<TokenHash> HashIn(const Statement& row, int column) {
  const std::string bytes = row.Text(column);
  TokenHash hash{};
  if (bytes.size() != hash.size()) return std::nullopt;
  std::memcpy(hash.data(), bytes.data(), hash.size());
  return hash;
}

EventSource SourceOf(const std::string& word) {
  if (word == "spool") return EventSource::kSpool;
  if (word == "offline") return EventSource::kOffline;
  if (word == "readback") return EventSource::kReadback;
  return EventSource::kWebhook;
}

// The proof of an older installation came in after that of a newer one. What waited for it was
// acknowledged and does come from the portal, so it is applied.
Status Supersede(Database& database, InstallationId id, const InstallationRow& installation) {
  Statement& ignore = database.Prepare(sql::kEventSetStatus);
  Status done = ignore.Bind(installation.event_id).Bind("ignored").Bind("superseded").Run();
  if (done) done = database.Prepare(sql::kInstallationProven).Bind(id.value()).Run();
  if (done) done = database.Prepare(sql::kInstallationsRemoveDone).Run();
  if (done) done = TouchPortal(database, installation.portal);
  return done;
}

// What waited for a refused installation waits for its sibling from now on, and counts there.
Status HandOver(Database& database, InstallationId id, const InstallationRow& installation,
                std::int64_t sibling) {
  Status done = database.Prepare(sql::kInstallationHandOver).Bind(id.value()).Bind(sibling).Run();
  if (!done) return done;
  return database.Prepare(sql::kInstallationAddWaiting)
      .Bind(sibling)
      .Bind(installation.waiting_events)
      .Bind(installation.waiting_bytes)
      .Run();
}

}  // namespace

PortalStatus PortalStatusOf(const std::string& word) {
  if (word == "active") return PortalStatus::kActive;
  if (word == "dead") return PortalStatus::kDead;
  if (word == "uninstalled") return PortalStatus::kUninstalled;
  return PortalStatus::kPending;
}

Result<std::optional<Portal>> FindPortalRow(Database& database, const MemberId& member_id) {
  Statement& find = database.Prepare(sql::kPortalFind);
  Result<bool> row = find.Bind(member_id.value()).Step();
  if (!row) return Fail(std::move(row).error());
  if (!*row) return std::optional<Portal>();
  Portal portal;
  portal.id = PortalId(find.Integer(0));
  portal.member_id = member_id;
  portal.status = PortalStatusOf(find.Text(1));
  portal.revision = find.Integer(2);
  portal.token = HashIn(find, 3);
  portal.previous_token = HashIn(find, 4);
  portal.installed_ts = find.OptionalInteger(5);
  portal.application = find.Text(6);
  Statement& waiting = database.Prepare(sql::kPortalWaiting);
  waiting.Bind(portal.id.value());
  while (true) {
    Result<bool> next = waiting.Step();
    if (!next) return Fail(std::move(next).error());
    if (!*next) return std::optional(std::move(portal));
    const std::optional<TokenHash> token = HashIn(waiting, 1);
    if (token) portal.waiting.push_back({InstallationId(waiting.Integer(0)), *token});
  }
}

Result<Committed> AddInstallationRow(Database& database, const InstallationRequest& request) {
  if (Status room = CheckRoom(database, request); !room) return Fail(std::move(room).error());
  Result<std::int64_t> portal = ClaimPortal(database, request.member_id);
  if (!portal) return Fail(std::move(portal).error());
  Result<bool> fresh =
      InsertEvent(database, request.journal, PortalId(*portal), EventStatus::kWaiting, {});
  if (!fresh) return Fail(std::move(fresh).error());
  if (!*fresh) {
    Result<std::optional<EventId>> known = FindJournalled(database, request.journal.key);
    if (!known) return Fail(std::move(known).error());
    return Committed{Committed::Answer::kDuplicate, {}, known->value_or(EventId())};
  }
  const std::int64_t event_id = database.last_insert_id();
  Statement& insert = database.Prepare(sql::kInstallationInsert);
  insert.Bind(event_id).Bind(*portal).BindBlob(request.token);
  insert.BindBlob(request.sealed_access_token).BindBlob(request.sealed_refresh_token);
  insert.Bind(request.server_endpoint).Bind(UnixSeconds(request.journal.received_at));
  insert.BindOptional(request.journal.ts).Bind(UnixMilliseconds(request.journal.received_at));
  insert.Bind(request.application).Bind(std::int64_t{request.has_token});
  Status done = insert.Run();
  if (done) done = TouchPortal(database, *portal);
  if (!done) return Fail(std::move(done).error());
  return Committed{Committed::Answer::kAccepted, {}, EventId(event_id)};
}

Result<std::optional<InstallationWork>> TakeInstallationRow(Database& database, TimePoint now) {
  Statement& take = database.Prepare(sql::kInstallationTake);
  take.Bind(UnixMilliseconds(now));
  Result<bool> row = take.Step();
  if (!row) return Fail(std::move(row).error());
  if (!*row) return std::optional<InstallationWork>();
  InstallationWork work;
  work.id = InstallationId(take.Integer(0));
  work.member_id = MemberId(take.Text(1));
  work.application = take.Text(16);
  work.token_is_proven = take.Integer(17) != 0;
  work.token = HashIn(take, 2).value_or(TokenHash{});
  work.sealed_access_token = take.Text(3);
  work.sealed_refresh_token = take.Text(4);
  work.server_endpoint = take.Text(5);
  work.ts = take.OptionalInteger(6);
  work.attempts = static_cast<int>(take.Integer(7));
  work.received_at = FromUnixSeconds(take.Integer(8));
  work.refresh_was_sent = take.Integer(9) != 0;
  if (!take.IsNull(10)) work.known_domain = take.Text(10);
  if (!take.IsNull(11)) {
    ProvenInstallation granted{take.Text(11),
                               take.Text(12),
                               take.Text(13),
                               work.sealed_access_token,
                               work.sealed_refresh_token,
                               {},
                               take.Text(15)};
    if (!take.IsNull(14)) granted.token_expires_at = FromUnixSeconds(take.Integer(14));
    work.granted = std::move(granted);
  }
  return std::optional(std::move(work));
}

Status SetGrantRow(Database& database, InstallationId id, const ProvenInstallation& granted) {
  Statement& set = database.Prepare(sql::kInstallationSetGrant);
  set.Bind(id.value()).BindBlob(granted.sealed_access_token);
  set.BindBlob(granted.sealed_refresh_token).Bind(granted.client_endpoint);
  set.Bind(granted.domain).Bind(granted.scope).BindOptional(SecondsOf(granted.token_expires_at));
  return set.Bind(granted.server_endpoint).Run();
}

Status AcceptInstallationRow(Database& database, InstallationId id,
                             const ProvenInstallation& proven, TimePoint now) {
  Result<std::optional<InstallationRow>> found = FindInstallation(database, id);
  if (!found) return Fail(std::move(found).error());
  if (!*found) return {};  // decided meanwhile by another process
  const InstallationRow& row = **found;
  Result<PortalRow> before = PortalOf(database, row);
  if (!before) return Fail(std::move(before).error());
  if (before->installed_event_id > row.event_id) return Supersede(database, id, row);
  if (Status erased = FinishErasure(database, PortalId(row.portal)); !erased) return erased;
  Statement& accept = database.Prepare(sql::kPortalAccept);
  accept.Bind(row.portal);
  if (row.has_token) {
    accept.BindBlob(row.token_hash);
  } else {
    accept.BindNull();
  }
  accept.BindBlob(proven.sealed_access_token).BindBlob(proven.sealed_refresh_token);
  accept.BindOptional(SecondsOf(proven.token_expires_at));
  accept.Bind(proven.domain).Bind(proven.client_endpoint).Bind(proven.scope);
  accept.Bind(row.event_id);
  // A portal clock that runs ahead must not make its later events look old.
  const std::int64_t seconds = UnixSeconds(now);
  accept.Bind(std::min(row.ts.value_or(seconds), seconds)).Bind(seconds);
  accept.Bind(proven.server_endpoint).Bind(row.application);
  Status done = accept.Run();
  if (done) {
    done =
        database.Prepare(sql::kEventSetStatus).Bind(row.event_id).Bind("applied").BindNull().Run();
  }
  if (done && before->status != "active" && before->status != "dead") {
    Result<DeliveryId> queued = InsertDelivery({database, PortalId(row.portal), now, row.ts},
                                               {"portal.installed", {}, {}, {}, {}});
    if (!queued) done = Fail(std::move(queued).error());
  }
  if (done) {
    done = database.Prepare(sql::kInstallationGatherWaiting)
               .Bind(id.value())
               .Bind(row.portal)
               .BindBlob(row.token_hash)
               .Run();
  }
  if (done) done = database.Prepare(sql::kInstallationProven).Bind(id.value()).Run();
  if (done) done = database.Prepare(sql::kInstallationsRemoveDone).Run();
  return done;
}

Status RefuseInstallationRow(Database& database, InstallationId id, const std::string& reason) {
  Result<std::optional<InstallationRow>> found = FindInstallation(database, id);
  if (!found) return Fail(std::move(found).error());
  if (!*found) return {};
  const InstallationRow& row = **found;
  Result<PortalRow> portal = PortalOf(database, row);
  if (!portal) return Fail(std::move(portal).error());
  Result<std::optional<std::int64_t>> sibling = FindSibling(database, id, row);
  if (!sibling) return Fail(std::move(sibling).error());
  Statement& reject = database.Prepare(sql::kEventRejectInstallation);
  Status done = reject.Bind(row.event_id).Bind(reason).Run();
  const bool token_counts = portal->token_hash == row.token_hash &&
                            (portal->status == "active" || portal->status == "dead");
  if (done && *sibling) {
    done = HandOver(database, id, row, **sibling);
  } else if (done && token_counts) {
    // The same token was proven by another installation: what waits is authentic.
    done = database.Prepare(sql::kInstallationProven).Bind(id.value()).Run();
    if (done) done = database.Prepare(sql::kInstallationsRemoveDone).Run();
    if (done) done = TouchPortal(database, row.portal);
    return done;
  } else if (done) {
    done = database.Prepare(sql::kEventsReject).Bind(id.value()).Bind(reason).Run();
  }
  if (done) done = database.Prepare(sql::kInstallationRemove).Bind(id.value()).Run();
  if (done) done = RemovePortalIfUnused(database, row.portal, portal->member_id);
  if (done)
    done = database.Prepare(sql::kEventsPruneRejected).Bind(std::int64_t{kMaxRejectedEvents}).Run();
  return done;
}

Status RefuseOlderInstallations(Database& database, PortalId portal, std::int64_t ts) {
  Statement& find = database.Prepare(sql::kInstallationsBefore);
  find.Bind(portal.value()).Bind(ts);
  std::vector<InstallationId> older;
  while (true) {
    Result<bool> row = find.Step();
    if (!row) return Fail(std::move(row).error());
    if (!*row) break;
    older.emplace_back(find.Integer(0));
  }
  for (const InstallationId id : older) {
    if (Status done = RefuseInstallationRow(database, id, "uninstalled"); !done) return done;
  }
  return {};
}

Result<std::vector<WaitingEvent>> FindWaitingEvents(Database& database, int limit) {
  Statement& find = database.Prepare(sql::kEventsWaiting);
  find.Bind(std::int64_t{limit});
  std::vector<WaitingEvent> events;
  while (true) {
    Result<bool> row = find.Step();
    if (!row) return Fail(std::move(row).error());
    if (!*row) return events;
    WaitingEvent event;
    event.id = EventId(find.Integer(0));
    event.member_id = MemberId(find.Text(1));
    event.journal.name = find.Text(2);
    event.journal.source = SourceOf(find.Text(3));
    event.journal.received_at = FromUnixSeconds(find.Integer(4));
    event.journal.ts = find.OptionalInteger(5);
    event.journal.body = find.Text(6);
    events.push_back(std::move(event));
  }
}

}  // namespace imrelay
