#include "store/sqlite/sqlite_store.h"

#include <unistd.h>

#include <utility>

#include "store/sqlite/event_rows.h"
#include "store/sqlite/installation_rows.h"
#include "store/sqlite/migrate.h"
#include "store/sqlite/outbox_rows.h"
#include "store/sqlite/place_rows.h"
#include "store/sqlite/portal_rows.h"
#include "store/sqlite/replay_rows.h"
#include "store/sqlite/report_rows.h"
#include "store/sqlite/settle_rows.h"
#include "store/sqlite/sqlite_store_calls.h"

namespace imrelay {
namespace {

// The setting that keeps the fingerprint of the key file.
constexpr const char* kKeySetting = "key_file";

// Hardly ever needed: readers of a write-ahead log wait for nobody but its recovery.
constexpr std::chrono::milliseconds kPatienceOfReads{200};

tl::unexpected<Error> HeldBack() {
  return Fail(ErrorCode::kUnavailable, "others wait before it", kHeldBack);
}

}  // namespace

SqliteStore::SqliteStore(std::string path, Patience patience, Database writing,
                         Database checkpointing)
    : path_(std::move(path)),
      patience_(patience),
      writer_(std::move(writing), std::move(checkpointing), patience) {}

Result<std::unique_ptr<SqliteStore>> SqliteStore::Make(const std::string& path, Patience patience,
                                                       Database writing) {
  Result<Database> checkpointing = Database::Open(path, Database::Access::kReadWrite);
  if (!checkpointing) return Fail(std::move(checkpointing).error());
  return std::unique_ptr<SqliteStore>(
      new SqliteStore(path, patience, std::move(writing), *std::move(checkpointing)));
}

Result<std::unique_ptr<SqliteStore>> SqliteStore::Open(const std::string& path, Patience patience) {
  Result<Database> database = Database::Open(path, Database::Access::kReadWrite);
  if (!database) return Fail(std::move(database).error());
  if (Result<int> migrated = Migrate(*database); !migrated) {
    return Fail(migrated.error().code, path + ": " + migrated.error().message);
  }
  return Make(path, patience, *std::move(database));
}

Result<std::unique_ptr<SqliteStore>> SqliteStore::OpenExisting(const std::string& path) {
  if (access(path.c_str(), F_OK) != 0) {
    return Fail(ErrorCode::kUnavailable,
                path + ": no database there; is database.url right? imrelay migrate makes one");
  }
  Result<Database> database = Database::Open(path, Database::Access::kReadWrite);
  if (!database) return Fail(std::move(database).error());
  if (Status checked = CheckSchema(*database); !checked) {
    return Fail(checked.error().code, path + ": " + checked.error().message);
  }
  return Make(path, Patience::kOfCommands, *std::move(database));
}

Result<SqliteStore::Reader> SqliteStore::Read() {
  {
    const std::lock_guard lock(readers_mutex_);
    if (!readers_.empty()) {
      Reader reader(*this, std::move(readers_.back()));
      readers_.pop_back();
      return reader;
    }
  }
  Result<Database> opened = Database::Open(path_, Database::Access::kReadOnly);
  if (!opened) return Fail(std::move(opened).error());
  if (patience_ == Patience::kOfRequests) opened->SetPatience(kPatienceOfReads);
  return Reader(*this, std::make_unique<Database>(*std::move(opened)));
}

template <class Job>
void SqliteStore::Submit(Job job, Done done) {
  const auto made = std::make_shared<Committed>();
  writer_.Submit(
      [job = std::move(job), made](Database& database) -> Status {
        Result<Committed> result = job(database);
        if (!result) return Fail(std::move(result).error());
        *made = *std::move(result);
        return {};
      },
      [made, done = std::move(done)](Status status) {
        if (!status) return done(Fail(std::move(status).error()));
        done(std::move(*made));
      });
}

Status SqliteStore::BindToKey(const std::string& fingerprint) {
  Result<std::string> bound = Write<std::string>([&](Database& database) -> Result<std::string> {
    Status set = database.Prepare(sql::kSettingInsert).Bind(kKeySetting).Bind(fingerprint).Run();
    if (!set) return Fail(std::move(set).error());
    Statement& find = database.Prepare(sql::kSettingFind);
    Result<bool> row = find.Bind(kKeySetting).Step();
    if (!row) return Fail(std::move(row).error());
    return find.Text(0);
  });
  if (!bound) return Fail(std::move(bound).error());
  if (*bound == fingerprint) return {};
  return Fail(ErrorCode::kInvalidArgument,
              path_ + " was written with another key file; set security.key_file to that one");
}

Result<std::string> SqliteStore::BoundKey() {
  Result<Reader> reader = Read();
  if (!reader) return Fail(std::move(reader).error());
  Statement& find = reader->database().Prepare(sql::kSettingFind);
  Result<bool> row = find.Bind(kKeySetting).Step();
  if (!row) return Fail(std::move(row).error());
  return *row ? find.Text(0) : std::string();
}

Result<std::optional<Portal>> SqliteStore::FindPortal(const MemberId& member_id) {
  return ReadSnapshot<std::optional<Portal>>(
      [&](Database& database) { return FindPortalRow(database, member_id); });
}

void SqliteStore::Commit(Plan plan, Replan replan, Done done) {
  const auto planned = std::make_shared<Plan>(std::move(plan));
  Submit(
      [planned, replan = std::move(replan)](Database& database) -> Result<Committed> {
        if (planned->unless && *planned->unless) return HeldBack();
        return ApplyPlan(database, *planned, replan);
      },
      std::move(done));
}

void SqliteStore::AddInstallation(InstallationRequest request, Done done) {
  const auto requested = std::make_shared<const InstallationRequest>(std::move(request));
  Submit(
      [requested](Database& database) -> Result<Committed> {
        if (requested->unless && *requested->unless) return HeldBack();
        return AddInstallationRow(database, *requested);
      },
      std::move(done));
}

Result<std::vector<WaitingEvent>> SqliteStore::WaitingEvents(int limit) {
  Result<Reader> reader = Read();
  if (!reader) return Fail(std::move(reader).error());
  return FindWaitingEvents(reader->database(), limit);
}

Result<std::optional<JournalledEvent>> SqliteStore::FindEvent(EventId id) {
  return ReadSnapshot<std::optional<JournalledEvent>>(
      [&](Database& database) { return FindEventRow(database, id); });
}

Result<std::optional<InstallationWork>> SqliteStore::TakeInstallation(TimePoint now) {
  {
    // Looked at first without writing, because it is asked several times a second.
    Result<Reader> reader = Read();
    if (!reader) return Fail(std::move(reader).error());
    Statement& due = reader->database().Prepare(sql::kInstallationDue);
    Result<bool> row = due.Bind(UnixMilliseconds(now)).Step();
    if (!row) return Fail(std::move(row).error());
    if (!*row) return std::optional<InstallationWork>();
  }
  return Write<std::optional<InstallationWork>>(
      [&](Database& database) { return TakeInstallationRow(database, now); });
}

Status SqliteStore::RecordRefreshSent(InstallationId id, TimePoint now) {
  return writer_.Run([&](Database& database) {
    Statement& set = database.Prepare(sql::kInstallationSetRefreshSent);
    return set.Bind(id.value()).Bind(UnixSeconds(now)).Run();
  });
}

Status SqliteStore::RecordGrant(InstallationId id, const ProvenInstallation& granted) {
  return writer_.Run([&](Database& database) { return SetGrantRow(database, id, granted); });
}

Status SqliteStore::AcceptInstallation(InstallationId id, const ProvenInstallation& proven,
                                       TimePoint now) {
  return writer_.Run(
      [&](Database& database) { return AcceptInstallationRow(database, id, proven, now); });
}

Status SqliteStore::RefuseInstallation(InstallationId id, const std::string& reason, TimePoint) {
  return writer_.Run(
      [&](Database& database) { return RefuseInstallationRow(database, id, reason); });
}

Status SqliteStore::PostponeInstallation(InstallationId id, const std::string& reason,
                                         TimePoint due) {
  return writer_.Run([&](Database& database) {
    Statement& postpone = database.Prepare(sql::kInstallationPostpone);
    return postpone.Bind(id.value()).Bind(UnixMilliseconds(due)).Bind(reason).Run();
  });
}

Result<Table> SqliteStore::Report(const ReportQuery& query) {
  Result<Reader> reader = Read();
  if (!reader) return Fail(std::move(reader).error());
  return ReportRows(reader->database(), query);
}

void SqliteStore::CheckReady(std::function<void(Status)> done) {
  const auto check = [](Database& database) -> Status {
    Result<std::int64_t> version = database.Value("PRAGMA user_version");
    if (!version) return Fail(std::move(version).error());
    if (*version < SchemaVersion()) {
      return Fail(ErrorCode::kUnavailable, "the schema is old: run imrelay migrate");
    }
    // A write that changes nothing still needs the file to be writable.
    return database.Execute("UPDATE setting SET value = value WHERE name = ''");
  };
  writer_.Submit(check, std::move(done));
}

Result<std::optional<PortalAccess>> SqliteStore::FindAccess(const MemberId& member_id) {
  return ReadSnapshot<std::optional<PortalAccess>>(
      [&](Database& database) { return FindAccessRow(database, member_id); });
}

Result<std::vector<PortalAccess>> SqliteStore::ListAccess() {
  return ReadSnapshot<std::vector<PortalAccess>>(ListAccessRows);
}

Result<bool> SqliteStore::ReplaceTokens(PortalId portal, std::int64_t chain,
                                        const ProvenInstallation& granted, TimePoint now) {
  return Write<bool>(
      [&](Database& database) { return ReplaceTokensRow(database, portal, chain, granted, now); });
}

Status SqliteStore::MarkDead(PortalId portal, std::int64_t chain, const std::string& reason,
                             TimePoint) {
  return writer_.Run([&](Database& database) {
    Statement& mark = database.Prepare(sql::kPortalMarkDead);
    return mark.Bind(portal.value()).Bind(chain).Bind(reason).Run();
  });
}

Status SqliteStore::MarkUninstalled(PortalId portal, std::int64_t chain, TimePoint now) {
  return writer_.Run(
      [&](Database& database) { return MarkUninstalledRow(database, portal, chain, now); });
}

Result<Registration> SqliteStore::FindRegistration(PortalId portal) {
  return ReadSnapshot<Registration>(
      [&](Database& database) { return FindRegistrationRow(database, portal); });
}

Status SqliteStore::RecordRegistration(const PortalAccess& portal, const Registration& done,
                                       TimePoint now, TimePoint next) {
  return writer_.Run(
      [&](Database& database) { return RecordRegistrationRow(database, portal, done, now, next); });
}

Result<std::vector<PortalAccess>> SqliteStore::DueForUpkeep(TimePoint now, int limit) {
  return ReadSnapshot<std::vector<PortalAccess>>(
      [&](Database& database) { return FindUpkeepRows(database, now, limit); });
}

Status SqliteStore::ScheduleUpkeep(const PortalAccess& portal, TimePoint due) {
  return writer_.Run([&](Database& database) {
    Statement& schedule = database.Prepare(sql::kPortalScheduleUpkeep);
    return schedule.Bind(portal.id.value())
        .Bind(UnixSeconds(due))
        .Bind(portal.installation.value())
        .Run();
  });
}

Status SqliteStore::SetLine(PortalId portal, const ConnectorId& connector, LineId line, bool active,
                            TimePoint now) {
  return writer_.Run([&](Database& database) -> Status {
    const ChangeContext context{database, portal, now, {}};
    if (active) return ActivateLine(context, connector, line);
    // As the event that Bitrix24 sends of it, which then changes nothing any more.
    Result<Changed> changed = Apply(context, LineDisconnected{connector, line});
    if (!changed) return Fail(std::move(changed).error());
    return {};
  });
}

Result<InstallationState> SqliteStore::FindInstallationState(EventId installation_event) {
  return ReadSnapshot<InstallationState>(
      [&](Database& database) { return FindInstallationStateRow(database, installation_event); });
}

Result<DeletionOutlook> SqliteStore::FindOutlook(PortalId portal, TimePoint now) {
  return ReadSnapshot<DeletionOutlook>(
      [&](Database& database) { return FindOutlookRow(database, portal, now); });
}

Result<std::map<std::string, std::int64_t>> SqliteStore::CountPortals() {
  return ReadSnapshot<std::map<std::string, std::int64_t>>(CountPortalRows);
}

Result<int> SqliteStore::ResealTokens(const Reseal& reseal) {
  Result<std::vector<SealedValue>> values =
      ReadSnapshot<std::vector<SealedValue>>(FindSealedValues);
  if (!values) return Fail(std::move(values).error());
  std::vector<std::pair<const SealedValue*, std::string>> anew;
  for (const SealedValue& value : *values) {
    Result<std::string> sealed = reseal(value.sealed, value.purpose);
    if (!sealed) return Fail(std::move(sealed).error());
    if (*sealed != value.sealed) anew.emplace_back(&value, *std::move(sealed));
  }
  if (anew.empty()) return 0;
  return Write<int>([&](Database& database) -> Result<int> {
    int replaced = 0;
    for (const auto& [value, sealed] : anew) {
      Result<bool> done = ReplaceSealedValue(database, *value, sealed);
      if (!done) return Fail(std::move(done).error());
      if (*done) ++replaced;
    }
    return replaced;
  });
}

void SqliteStore::OnQueued(std::function<void()> queued) { writer_.OnQueued(std::move(queued)); }

Result<std::vector<ReadyQueue>> SqliteStore::FindReady(Target target) {
  return ReadSnapshot<std::vector<ReadyQueue>>(
      [&](Database& database) { return FindReadyRows(database, target); });
}

void SqliteStore::StartTurn(std::vector<Settlement> settled, Target target, std::vector<Ask> asks,
                            LeaseHolder holder, TimePoint now, Taken taken) {
  if (settled.empty()) {
    // Looked at first without writing, because it is asked whenever something may be due.
    Result<bool> due = ReadSnapshot<bool>(
        [&](Database& database) { return FindDueRows(database, target, asks, now); });
    if (!due) return taken(Fail(std::move(due).error()));
    if (!*due) return taken(std::vector<Delivery>());
  }
  const auto made = std::make_shared<std::vector<Delivery>>();
  writer_.Submit(
      [settled = std::move(settled), target, asks = std::move(asks), holder, now,
       made](Database& database) -> Status {
        for (const Settlement& settlement : settled) {
          if (Status done = SettleRow(database, settlement, holder, now); !done) return done;
        }
        if (Status done = TakeBackRows(database, now); !done) return done;
        Result<std::vector<Delivery>> rows = TakeRows(database, target, asks, holder, now);
        if (!rows) return Fail(std::move(rows).error());
        *made = *std::move(rows);
        return {};
      },
      [made, taken = std::move(taken)](Status status) {
        if (!status) return taken(Fail(std::move(status).error()));
        taken(std::move(*made));
      });
}

Status SqliteStore::ReleaseLeases(LeaseHolder holder) {
  return writer_.Run([&](Database& database) { return ReleaseRows(database, holder); });
}

Result<std::vector<EndpointState>> SqliteStore::Endpoints() {
  return ReadSnapshot<std::vector<EndpointState>>(FindEndpointRows);
}

Status SqliteStore::SetEndpoint(const EndpointState& state) {
  return writer_.Run([&](Database& database) { return SetEndpointRow(database, state); });
}

Result<bool> SqliteStore::ReplaceEndpoint(const EndpointState& known, const EndpointState& state) {
  bool written = false;
  Status done = writer_.Run([&](Database& database) -> Status {
    Result<bool> replaced = ReplaceEndpointRow(database, known, state);
    if (!replaced) return Fail(std::move(replaced).error());
    written = *replaced;
    return {};
  });
  if (!done) return Fail(std::move(done).error());
  return written;
}

}  // namespace imrelay
