#include "store/sqlite/offline_rows.h"

#include <algorithm>

#include "domain/event.h"
#include "store/sqlite/event_rows.h"
#include "store/sqlite/portal_rows.h"

namespace imrelay {
namespace {

// The place of an event in the index: its second, and the end of its message's number.
std::int64_t SecondOf(const EventKey& key) {
  std::int64_t second = 0;
  for (std::size_t i = 0; i < 4; ++i) second = (second << 8) | key[i];
  return second;
}

EventKey Bound(const EventKey& like, std::int64_t second, std::uint8_t rest) {
  EventKey bound = like;
  for (std::size_t i = 0; i < 4; ++i) {
    bound[i] = static_cast<std::uint8_t>((second >> (24 - 8 * i)) & 0xFF);
  }
  std::fill(bound.begin() + 6, bound.end(), rest);
  return bound;
}

std::string BytesOf(const EventKey& key) { return {key.begin(), key.end()}; }

// Whether the journal has another edit of the plan's message after `first` and before `last`. Two
// messages whose numbers end alike are taken for one, which costs an edit that is sent twice.
Result<bool> IsEditedBetween(Database& database, const Plan& plan, std::int64_t first,
                             std::int64_t last) {
  const std::vector<EventKey>& own = plan.likeness->posted;
  for (std::int64_t second = first + 1; second < last; ++second) {
    Statement& find = database.Prepare(sql::kEventsOfKeyRange);
    find.BindBlob(Bound(plan.journal.key, second, 0));
    find.BindBlob(Bound(plan.journal.key, second, 0xFF));
    while (true) {
      Result<bool> row = find.Step();
      if (!row) return row;
      if (!*row) break;
      const std::string key = find.Text(1);
      const bool is_own = std::any_of(own.begin(), own.end(),
                                      [&](const EventKey& one) { return BytesOf(one) == key; });
      if (!is_own && find.Integer(2) == plan.portal.value() && find.Text(3) == plan.journal.name) {
        return true;
      }
    }
  }
  return false;
}

bool IsEdit(const Plan& plan) { return KindOf(plan.journal.name) == EventKind::kMessageUpdate; }

// Of a posted event.
Result<bool> CameFromQueue(Database& database, const Plan& plan) {
  if (!plan.journal.ts) return false;
  Statement& find = database.Prepare(sql::kOfflineEventFind);
  find.BindBlob(plan.likeness->content).Bind(*plan.journal.ts);
  Result<bool> row = find.Bind(kLongestLikeness).Step();
  if (!row || !*row) return row;
  const std::int64_t taken = find.Integer(0);
  // The queue has the time of the last of several that are alike.
  if (!IsEdit(plan) || *plan.journal.ts <= taken) return true;
  Result<bool> edited = IsEditedBetween(database, plan, taken, *plan.journal.ts);
  if (!edited) return edited;
  return !*edited;
}

// Of an event of the queue.
Result<bool> WasPosted(Database& database, const Plan& plan) {
  for (const EventKey& key : plan.likeness->posted) {
    Result<std::optional<EventId>> known = FindJournalled(database, key);
    if (!known) return Fail(std::move(known).error());
    if (!*known) continue;
    const std::int64_t posted = SecondOf(key);
    if (!IsEdit(plan) || plan.likeness->overtaken || posted >= *plan.journal.ts) return true;
    Result<bool> edited = IsEditedBetween(database, plan, posted, *plan.journal.ts);
    if (!edited) return edited;
    return !*edited;
  }
  return false;
}

std::optional<TimePoint> TimeIn(const Statement& row, int column) {
  if (row.IsNull(column)) return std::nullopt;
  return FromUnixSeconds(row.Integer(column));
}

}  // namespace

Result<bool> IsTakenIn(Database& database, const Plan& plan) {
  if (!plan.likeness || plan.waits_for) return false;
  switch (plan.journal.source) {
    case EventSource::kWebhook:
    case EventSource::kSpool:
      return CameFromQueue(database, plan);
    case EventSource::kOffline:
      return WasPosted(database, plan);
    case EventSource::kReadback:
      break;
  }
  return false;
}

Status NoteKnown(const ChangeContext& context, const Plan& plan) {
  for (const Change& change : plan.changes) {
    const auto* deletion = std::get_if<MessageDeleted>(&change);
    if (deletion == nullptr) continue;
    if (Status noted = NoteDeletionCame(context, *deletion); !noted) return noted;
  }
  return {};
}

Status NoteTakenIn(Database& database, const Plan& plan, EventId event) {
  const std::int64_t now = UnixSeconds(plan.journal.received_at);
  if (plan.offline_queue_filled) {
    Statement& due = database.Prepare(sql::kOfflineDueSoon);
    due.Bind(plan.portal.value()).Bind(now + kOfflineDelaySeconds);
    return due.Bind(kOfflinePauseSeconds).Run();
  }
  if (plan.journal.source != EventSource::kOffline || !plan.likeness) return {};
  Statement& insert = database.Prepare(sql::kOfflineEventInsert);
  insert.BindBlob(plan.likeness->content).Bind(plan.journal.ts.value_or(0)).Bind(event.value());
  if (Status done = insert.Bind(now).Run(); !done) return done;
  return database.Prepare(sql::kOfflineEventsPrune).Bind(now - kLikenessKeptSeconds).Run();
}

Result<std::optional<PortalAccess>> BeginOfflineReadRow(Database& database, TimePoint now,
                                                        TimePoint next) {
  Statement& due = database.Prepare(sql::kOfflineDue);
  Result<bool> row = due.Bind(UnixSeconds(now)).Step();
  if (!row) return Fail(std::move(row).error());
  if (!*row) return std::optional<PortalAccess>();
  Result<std::optional<PortalAccess>> portal = FindAccessRow(database, MemberId(due.Text(0)));
  if (!portal || !*portal) return portal;
  Statement& begin = database.Prepare(sql::kOfflineBegin);
  begin.Bind((*portal)->id.value()).Bind(UnixSeconds(now)).Bind(UnixSeconds(next));
  if (Status done = begin.Run(); !done) return Fail(std::move(done).error());
  return portal;
}

Status EndOfflineReadRow(Database& database, PortalId portal, const OfflineRead& read,
                         TimePoint now) {
  Statement& record = database.Prepare(sql::kOfflineRecordRead);
  record.Bind(portal.value()).Bind(read.problem).Bind(UnixSeconds(now)).Bind(read.waiting);
  return record.BindOptional(SecondsOf(read.again_at)).Run();
}

Result<OfflineQueueState> FindOfflineQueueRow(Database& database, PortalId portal) {
  Statement& find = database.Prepare(sql::kOfflineQueueFind);
  Result<bool> row = find.Bind(portal.value()).Step();
  if (!row) return Fail(std::move(row).error());
  if (!*row) return OfflineQueueState{};
  OfflineQueueState state;
  state.read_at = TimeIn(find, 0);
  state.problem = find.Text(1);
  state.waiting = find.OptionalInteger(2);
  if (!find.IsNull(3)) state.extended = find.Integer(3) != 0;
  state.extended_at = TimeIn(find, 4);
  return state;
}

}  // namespace imrelay
