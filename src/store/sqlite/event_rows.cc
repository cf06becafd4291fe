#include "store/sqlite/event_rows.h"

#include <string_view>

#include "store/sqlite/installation_rows.h"
#include "store/sqlite/message_rows.h"
#include "store/sqlite/offline_rows.h"
#include "store/sqlite/replay_rows.h"

namespace imrelay {
namespace {

// Makes the plan anew when it was made for a former state of its portal.
Status BringUpToDate(Database& database, Plan& plan, const Store::Replan& replan) {
  Statement& find = database.Prepare(sql::kPortalRevision);
  Result<bool> row = find.Bind(plan.portal.value()).Step();
  if (!row) return Fail(std::move(row).error());
  if (*row && find.Integer(0) == plan.revision) return {};
  // By its name: a portal that was removed and came back has another row.
  Result<std::optional<Portal>> portal = FindPortalRow(database, plan.member_id);
  if (!portal) return Fail(std::move(portal).error());
  return replan(plan, *portal ? &**portal : nullptr);
}

// Whether the installation has room for one more event that waits for it.
Status CheckWaitingRoom(Database& database, InstallationId installation, std::int64_t bytes) {
  Statement& find = database.Prepare(sql::kInstallationFind);
  Result<bool> row = find.Bind(installation.value()).Step();
  if (!row) return Fail(std::move(row).error());
  if (!*row) return Fail(ErrorCode::kUnavailable, "the installation was decided meanwhile");
  const std::int64_t events = find.Integer(6);
  const std::int64_t held = find.Integer(7);
  Statement& counts = database.Prepare(sql::kInstallationCounts);
  Result<bool> counted = counts.BindNull().Step();
  if (!counted) return Fail(std::move(counted).error());
  const std::int64_t held_by_all = counts.Integer(2);
  if (events >= kMaxWaitingEvents || held + bytes > kMaxWaitingBytes ||
      held_by_all + bytes > kMaxAllWaitingBytes) {
    return Fail(ErrorCode::kRateLimited, "too many events wait for an installation's proof",
                "too_many_waiting");
  }
  return {};
}

// What an event needs to be taken in; one that is journalled already does not. Asked before
// anything is changed.
Status CheckAdmission(Database& database, const Plan& plan) {
  Status admitted;
  if (plan.only_known && !plan.waited) {
    admitted = Fail(ErrorCode::kUnauthenticated, "the application is not installed there any more",
                    "uninstalled");
  } else if (plan.waits_for) {
    const auto bytes = static_cast<std::int64_t>(plan.journal.body.size());
    admitted = CheckWaitingRoom(database, *plan.waits_for, bytes);
  }
  if (admitted) return {};
  Result<std::optional<EventId>> known = FindJournalled(database, plan.journal.key);
  if (!known) return Fail(std::move(known).error());
  return *known ? Status() : admitted;
}

Status CountWaiting(Database& database, const Plan& plan) {
  return database.Prepare(sql::kInstallationAddWaiting)
      .Bind(plan.waits_for->value())
      .Bind(std::int64_t{1})
      .Bind(static_cast<std::int64_t>(plan.journal.body.size()))
      .Run();
}

Status SetStatus(Database& database, std::int64_t event_id, EventStatus status,
                 const std::string& reason) {
  Statement& update = database.Prepare(sql::kEventSetStatus);
  return update.Bind(event_id).Bind(WordOf(status)).Bind(reason).Run();
}

// Makes the waiting event an applied one. None when it is settled already or another copy of it
// was applied before.
Result<std::optional<std::int64_t>> TakeWaited(Database& database, const Plan& plan,
                                               bool is_known) {
  const std::int64_t event_id = plan.waited->value();
  bool taken = false;
  if (!is_known) {
    Statement& take = database.Prepare(sql::kEventApplyWaited);
    if (Status done = take.Bind(event_id).BindBlob(plan.journal.key).Run(); !done) {
      return Fail(std::move(done).error());
    }
    taken = database.changes() == 1;
  }
  if (!taken) {
    Statement& status = database.Prepare(sql::kEventStatus);
    Result<bool> row = status.Bind(event_id).Step();
    if (!row) return Fail(std::move(row).error());
    if (*row && status.Text(0) == "waiting") {
      Status done = database.Prepare(sql::kEventDropWaited).Bind(event_id).Bind("duplicate").Run();
      if (!done) return Fail(std::move(done).error());
    }
  }
  // A proven installation goes with the last event that waited for it.
  Status removed = database.Prepare(sql::kInstallationsRemoveDone).Run();
  if (!removed) return Fail(std::move(removed).error());
  return taken ? std::optional(event_id) : std::nullopt;
}

// The journalled event of this plan; none when it was there before.
Result<std::optional<std::int64_t>> Journal(Database& database, const Plan& plan) {
  Result<bool> known = IsTakenIn(database, plan);
  if (!known) return Fail(std::move(known).error());
  if (plan.waited) return TakeWaited(database, plan, *known);
  if (*known) return std::optional<std::int64_t>();
  EventStatus status = EventStatus::kApplied;
  if (plan.waits_for) {
    status = EventStatus::kWaiting;
  } else if (plan.ignored) {
    status = EventStatus::kIgnored;
  }
  Result<bool> fresh = InsertEvent(database, plan.journal, plan.portal, status, plan.waits_for);
  if (!fresh) return Fail(std::move(fresh).error());
  if (!*fresh) return std::optional<std::int64_t>();
  return std::optional(database.last_insert_id());
}

ChangeContext ContextOf(Database& database, const Plan& plan) {
  const JournalEntry& journal = plan.journal;
  return {database,   plan.portal,    journal.received_at,
          journal.ts, journal.source, plan.likeness && plan.likeness->overtaken};
}

// Runs the changes. Returns why none of them changed anything; empty when one did.
Result<std::string> RunChanges(const ChangeContext& context, const std::vector<Change>& changes) {
  std::string unchanged_because;
  bool changed_any = changes.empty();
  for (const Change& change : changes) {
    Result<Changed> changed =
        std::visit([&](const auto& one) { return Apply(context, one); }, change);
    if (!changed) return Fail(std::move(changed).error());
    if (changed->unchanged_because.empty()) {
      changed_any = true;
    } else {
      unchanged_because = std::move(changed->unchanged_because);
    }
  }
  return changed_any ? std::string() : unchanged_because;
}

Result<Committed> Replay(Database& database, Plan& plan) {
  const auto unchanged = [](std::string reason) {
    return Committed{Committed::Answer::kIgnored, std::move(reason)};
  };
  if (plan.only_known) return unchanged("uninstalled");
  if (plan.ignored) return unchanged(plan.journal.reason);
  if (plan.changes.empty()) return unchanged("nothing_to_change");
  const ChangeContext context = ContextOf(database, plan);
  Result<std::string> reason = LeaveOutDone(context, *plan.replayed, plan.changes);
  if (!reason) return Fail(std::move(reason).error());
  if (plan.changes.empty()) return unchanged(*std::move(reason));
  reason = RunChanges(context, plan.changes);
  if (!reason) return Fail(std::move(reason).error());
  if (!reason->empty()) return unchanged(*std::move(reason));
  Statement& set = database.Prepare(sql::kEventSetApplied);
  if (Status done = set.Bind(plan.replayed->value()).Run(); !done) {
    return Fail(std::move(done).error());
  }
  return Committed{};
}

}  // namespace

const char* WordOf(EventStatus status) {
  switch (status) {
    case EventStatus::kApplied:
      return "applied";
    case EventStatus::kWaiting:
      return "waiting";
    case EventStatus::kIgnored:
      return "ignored";
    case EventStatus::kRejected:
      return "rejected";
  }
  return "ignored";
}

const char* WordOf(EventSource source) {
  switch (source) {
    case EventSource::kWebhook:
      return "webhook";
    case EventSource::kSpool:
      return "spool";
    case EventSource::kOffline:
      return "offline";
    case EventSource::kReadback:
      return "readback";
  }
  return "webhook";
}

Result<bool> InsertEvent(Database& database, const JournalEntry& journal, PortalId portal,
                         EventStatus status, std::optional<InstallationId> waits_for) {
  Statement& insert = database.Prepare(sql::kEventInsert);
  insert.BindBlob(journal.key).Bind(UnixSeconds(journal.received_at)).BindOptional(journal.ts);
  insert.Bind(portal.value()).Bind(journal.name).Bind(WordOf(status));
  insert.Bind(WordOf(journal.source));
  if (journal.reason.empty()) {
    insert.BindNull();
  } else {
    insert.Bind(journal.reason);
  }
  if (waits_for) {
    insert.Bind(waits_for->value());
  } else {
    insert.BindNull();
  }
  insert.BindBorrowedBlob(journal.body);
  if (Status done = insert.Run(); !done) return Fail(std::move(done).error());
  return database.changes() == 1;
}

Result<std::optional<EventId>> FindJournalled(Database& database, const EventKey& key) {
  Statement& find = database.Prepare(sql::kEventFind);
  Result<bool> row = find.BindBlob(key).Step();
  if (!row) return Fail(std::move(row).error());
  return *row ? std::optional(EventId(find.Integer(0))) : std::nullopt;
}

Result<Committed> ApplyPlan(Database& database, Plan& plan, const Store::Replan& replan) {
  Status ready = BringUpToDate(database, plan, replan);
  if (ready && !plan.replayed) ready = CheckAdmission(database, plan);
  if (!ready) return Fail(std::move(ready).error());
  if (plan.replayed) return Replay(database, plan);
  Result<std::optional<std::int64_t>> event = Journal(database, plan);
  if (!event) return Fail(std::move(event).error());
  if (!*event) {
    if (Status noted = NoteKnown(ContextOf(database, plan), plan); !noted) {
      return Fail(std::move(noted).error());
    }
    return Committed{Committed::Answer::kDuplicate, {}};
  }
  if (Status noted = NoteTakenIn(database, plan, EventId(**event)); !noted) {
    return Fail(std::move(noted).error());
  }
  if (plan.only_known && plan.waited) {
    Statement& drop = database.Prepare(sql::kEventDropWaited);
    if (Status done = drop.Bind(**event).Bind("uninstalled").Run(); !done) {
      return Fail(std::move(done).error());
    }
    return Committed{Committed::Answer::kIgnored, "uninstalled"};
  }
  if (plan.waits_for) {
    if (Status counted = CountWaiting(database, plan); !counted) {
      return Fail(std::move(counted).error());
    }
    return Committed{};
  }
  if (plan.forget_previous_token) {
    Statement& forget = database.Prepare(sql::kPortalForgetPreviousToken);
    if (Status done = forget.Bind(plan.portal.value()).Run(); !done) {
      return Fail(std::move(done).error());
    }
  }
  Result<std::string> unchanged = RunChanges(ContextOf(database, plan), plan.changes);
  if (!unchanged) return Fail(std::move(unchanged).error());
  const std::string& reason = plan.ignored ? plan.journal.reason : *unchanged;
  if (!plan.ignored && reason.empty()) return Committed{};
  if (!plan.ignored || plan.waited) {
    if (Status done = SetStatus(database, **event, EventStatus::kIgnored, reason); !done) {
      return Fail(std::move(done).error());
    }
  }
  return Committed{Committed::Answer::kIgnored, reason};
}

}  // namespace imrelay
