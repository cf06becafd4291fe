#include "store/sqlite/message_rows.h"

#include <algorithm>
#include <map>

#include "store/sqlite/naming_rows.h"
#include "store/sqlite/place_rows.h"
#include "store/sqlite/taken_incoming.h"

namespace imrelay {
namespace {

constexpr std::int64_t kOut = 0;
constexpr std::int64_t kIn = 1;
// The external id of a message whose id is not known yet.
const char* const kUnnamed = "";

// What the mapping knows of one message, by external id.
struct MessageRow {
  std::int64_t part = 0;
  std::optional<std::int64_t> direction;
  std::int64_t created_at = 0;
  bool deleted = false;
};
using MessageRows = std::map<std::string, MessageRow>;

struct Target {
  const ChangeContext& context;
  PlaceKeys keys;
  MessageId message_id;
};

// A message a change is about, with what the mapping knows of it.
struct Found {
  Target target;
  MessageRows rows;
};

// Takes the row that `find` stands at and those that follow.
Result<MessageRows> TakeRows(Statement& find) {
  MessageRows rows;
  while (true) {
    rows[find.Text(0)] = {find.Integer(1), find.OptionalInteger(2), find.Integer(3),
                          find.Integer(4) != 0};
    Result<bool> row = find.Step();
    if (!row) return Fail(std::move(row).error());
    if (!*row) return rows;
  }
}

// The message at a place that may have to be made, or put into use again.
template <class MessageChange>
Result<Found> FindAtNewPlace(const ChangeContext& context, const MessageChange& change) {
  Result<PlaceKeys> keys = KeysOf(context, change.place, change.chat_id);
  if (!keys) return Fail(std::move(keys).error());
  Found found{{context, *keys, change.message_id}, {}};
  Statement& find = context.database.Prepare(sql::kMessageRows);
  Result<bool> row = find.Bind(keys->line).Bind(change.message_id.value()).Step();
  if (!row) return Fail(std::move(row).error());
  if (!*row) return found;
  Result<MessageRows> rows = TakeRows(find);
  if (!rows) return Fail(std::move(rows).error());
  found.rows = *std::move(rows);
  return found;
}

template <class MessageChange>
Result<Found> Find(const ChangeContext& context, const MessageChange& change) {
  const Place& place = change.place;
  Statement& find = context.database.Prepare(sql::kMessageFind);
  find.Bind(context.portal.value()).Bind(place.connector.value()).Bind(place.line.value());
  find.Bind(place.external_chat_id.value()).Bind(change.chat_id.value());
  Result<bool> row = find.Bind(change.message_id.value()).Step();
  if (!row) return Fail(std::move(row).error());
  if (!*row) return FindAtNewPlace(context, change);
  Found found{{context, {find.Integer(5), find.Integer(6)}, change.message_id}, {}};
  if (find.IsNull(1)) return found;
  Result<MessageRows> rows = TakeRows(find);
  if (!rows) return Fail(std::move(rows).error());
  found.rows = *std::move(rows);
  return found;
}

enum class RowState { kAlive, kDeleted };

// See migration 0005.
std::optional<std::int64_t> FoundBy(EventSource source) {
  switch (source) {
    case EventSource::kWebhook:
      return std::nullopt;
    case EventSource::kSpool:
      return 1;
    case EventSource::kOffline:
      return 2;
    case EventSource::kReadback:
      return 3;
  }
  return std::nullopt;
}

// Adds a row like `pattern` to those that are known.
Status InsertRow(const Target& target, const std::string& external_id, MessageRow row,
                 std::optional<std::int64_t> updated_at, RowState state, MessageRows& rows) {
  row.part = 0;
  row.deleted = state == RowState::kDeleted;
  for (const auto& [id, other] : rows) row.part = std::max(row.part, other.part + 1);
  rows[external_id] = row;
  Statement& insert = target.context.database.Prepare(sql::kMessageInsert);
  insert.Bind(target.keys.line).Bind(target.message_id.value()).Bind(row.part).Bind(external_id);
  insert.Bind(target.keys.chat)
      .BindOptional(row.direction)
      .Bind(row.created_at)
      .BindOptional(updated_at);
  const ChangeContext& context = target.context;
  if (state == RowState::kDeleted) {
    insert.Bind(UnixSeconds(context.now)).Bind("pending").BindNull();
    insert.BindOptional(FoundBy(context.source));
  } else {
    insert.BindNull().BindNull().BindOptional(updated_at ? context.ts : std::nullopt).BindNull();
  }
  return insert.Run();
}

// Takes the row without an external id out, so that one with it can stand in its place.
Status RemoveUnnamed(const Target& target, MessageRows& rows) {
  const auto unnamed = rows.find(kUnnamed);
  if (unnamed == rows.end()) return {};
  if (unnamed->second.deleted) {
    Statement& remove = target.context.database.Prepare(sql::kDeliveryRemoveUnnamedDeletion);
    remove.Bind(target.keys.line).Bind(target.message_id.value());
    if (Status done = remove.Run(); !done) return done;
  }
  Statement& remove = target.context.database.Prepare(sql::kMessageRemove);
  remove.Bind(target.keys.line).Bind(target.message_id.value()).Bind(unnamed->second.part);
  rows.erase(unnamed);
  return remove.Run();
}

// `more`: the time of an edit, or who found a deletion.
Status SetMoment(const Target& target, const sql::Query& query, const MessageRow& row,
                 const std::optional<std::int64_t>& more) {
  Statement& update = target.context.database.Prepare(query);
  update.Bind(target.keys.line).Bind(target.message_id.value()).Bind(row.part);
  return update.Bind(UnixSeconds(target.context.now)).BindOptional(more).Run();
}

// The external ids a change is about: those it names, or else those we know, or else the unknown.
std::vector<std::string> IdsOf(const std::vector<ExternalMessageId>& named,
                               const MessageRows& rows) {
  std::vector<std::string> ids;
  for (const ExternalMessageId& id : named) ids.push_back(id.value());
  if (!ids.empty()) return ids;
  for (const auto& [id, row] : rows) ids.push_back(id);
  if (ids.empty()) ids.emplace_back(kUnnamed);
  return ids;
}

Status Deliver(const Target& target, std::string_view kind, const std::string& external_id,
               std::optional<std::string> payload, std::optional<TimePoint> due = {}) {
  NewDelivery delivery{kind, target.keys, target.message_id, {}, std::move(payload), due};
  if (external_id != kUnnamed) delivery.external_message_id = external_id;
  Result<DeliveryId> queued = InsertDelivery(target.context, delivery);
  if (!queued) return Fail(std::move(queued).error());
  return {};
}

// A deletion, as far as it concerns every id of its message.
struct Deletion {
  // The message never reached the channel, so what has no id there needs no deletion.
  bool never_sent = false;
  std::optional<TimePoint> due;   // of what has no id; none: now
  std::vector<std::string> made;  // what the sending made of it so far, to be deleted too
};

Status CancelUpdates(const Target& target, const std::string& id) {
  Statement& cancel = target.context.database.Prepare(sql::kUpdatesCancel);
  cancel.Bind(target.message_id.value()).Bind(target.keys.line).Bind(id);
  return cancel.Bind(UnixSeconds(target.context.now)).Run();
}

// Marks one external id deleted. Says whether it was not so before.
Result<bool> DeleteOne(const Target& target, const std::string& id, MessageRows& rows,
                       const MessageRow& pattern, const Deletion& deletion) {
  const auto known = rows.find(id);
  Status done;
  if (known != rows.end()) {
    if (known->second.deleted) return false;
    known->second.deleted = true;
    done =
        SetMoment(target, sql::kMessageSetDeleted, known->second, FoundBy(target.context.source));
  } else {
    Result<TakenIncoming> taken = TakeIncoming(target.context, target.keys, id);
    if (!taken) return Fail(std::move(taken).error());
    using What = TakenIncoming::What;
    if (taken->what == What::kDeleted) return false;
    const MessageRow fresh =
        taken->what == What::kTaken ? MessageRow{0, kIn, taken->created_at} : pattern;
    done = RemoveUnnamed(target, rows);
    if (done) done = InsertRow(target, id, fresh, taken->updated_at, RowState::kDeleted, rows);
  }
  if (done) done = CancelUpdates(target, id);
  if (done && id == kUnnamed && deletion.never_sent) {
    Statement& outcome = target.context.database.Prepare(sql::kMessageSetOutcome);
    outcome.Bind(target.message_id.value()).Bind(target.keys.line).BindNull().Bind("cancelled");
    done = outcome.Run();
  } else if (done) {
    const bool waits = id == kUnnamed;
    done = Deliver(target, kind::kMessageDeleted, id, {}, waits ? deletion.due : std::nullopt);
  }
  if (!done) return Fail(std::move(done).error());
  return true;
}

// Ends the sending of a message that is deleted, and takes what it made into `found`.
Result<Deletion> EndSending(Found& found) {
  const Target& target = found.target;
  Database& database = target.context.database;
  Statement& find = database.Prepare(sql::kMessageCreatedFind);
  Result<bool> sent = find.Bind(target.message_id.value()).Bind(target.keys.line).Step();
  if (!sent) return Fail(std::move(sent).error());
  if (!*sent) return Deletion{};
  const Sending sending{find.Integer(0), target.keys.line, target.message_id, find.Integer(2) != 0,
                        MadeIn(find.Text(3))};
  const std::string state = find.Text(1);
  // Its own end will see to it, when it is being sent.
  if (state == "leased") return Deletion{};
  if (state == "done") {
    Statement& confirm = database.Prepare(sql::kDeliveryOfMessage);
    confirm.Bind(target.message_id.value()).Bind(target.keys.line).Bind(kind::kConfirm);
    Result<bool> confirmed = confirm.Step();
    if (!confirmed) return Fail(std::move(confirmed).error());
    if (*confirmed) return Deletion{};
    return Deletion{false, target.context.now + kIdsWait, {}};
  }
  const Deletion deletion{sending.made.empty() && !sending.maybe_done, {}, sending.made};
  if (state == "cancelled") return deletion;
  Status done = CancelSending(target.context, sending);
  if (!done) return Fail(std::move(done).error());
  if (sending.made.empty()) return deletion;
  Statement& again = database.Prepare(sql::kMessageRows);
  Result<bool> row = again.Bind(target.keys.line).Bind(target.message_id.value()).Step();
  if (!row) return Fail(std::move(row).error());
  if (!*row) return deletion;
  Result<MessageRows> rows = TakeRows(again);
  if (!rows) return Fail(std::move(rows).error());
  found.rows = *std::move(rows);
  return deletion;
}

// Notes an edit of one external id. Says whether there was something to edit.
Result<bool> UpdateOne(const Target& target, const std::string& id, MessageRows& rows,
                       const MessageRow& pattern, const std::string& payload) {
  const auto known = rows.find(id);
  if (known != rows.end()) {
    if (known->second.deleted) return false;
    Status done = SetMoment(target, sql::kMessageSetUpdated, known->second, target.context.ts);
    if (!done) return Fail(std::move(done).error());
  } else {
    // An id learned late, of a message that is deleted: the tombstone wins.
    for (const auto& [other, row] : rows) {
      if (row.deleted) return false;
    }
    Status done = RemoveUnnamed(target, rows);
    if (done) {
      done =
          InsertRow(target, id, pattern, UnixSeconds(target.context.now), RowState::kAlive, rows);
    }
    if (!done) return Fail(std::move(done).error());
  }
  if (Status done = Deliver(target, kind::kMessageUpdated, id, payload); !done) {
    return Fail(std::move(done).error());
  }
  return true;
}

// Whether an edit of the offline queue is older than one that is known already. Of two of one
// second the queue tells which is the later.
Result<bool> IsOldEdit(const Target& target) {
  const ChangeContext& context = target.context;
  if (context.source != EventSource::kOffline || !context.ts) return false;
  Statement& find = context.database.Prepare(sql::kMessageLastEdit);
  Result<bool> row = find.Bind(target.message_id.value()).Bind(target.keys.line).Step();
  if (!row) return Fail(std::move(row).error());
  const std::int64_t last = find.OptionalInteger(0).value_or(0);
  return last > *context.ts || (context.overtaken && last == *context.ts);
}

bool IsPosted(EventSource source) {
  return source == EventSource::kWebhook || source == EventSource::kSpool;
}

}  // namespace

Status NoteDeletionCame(const ChangeContext& context, const MessageDeleted& change) {
  if (!IsPosted(context.source)) return {};
  Statement& note = context.database.Prepare(sql::kMessageDeletionCameLate);
  note.Bind(context.portal.value()).Bind(change.place.connector.value());
  return note.Bind(change.place.line.value()).Bind(change.message_id.value()).Run();
}

Result<Changed> Apply(const ChangeContext& context, const MessageCreated& change) {
  Result<Found> found = Find(context, change);
  if (!found) return Fail(std::move(found).error());
  auto& [target, rows] = *found;
  for (const auto& [id, row] : rows) {
    if (row.deleted) return Changed{"message_deleted"};
  }
  if (!rows.empty()) return Changed{"already_known"};
  const MessageRow fresh{0, kOut, UnixSeconds(context.now)};
  Status done = InsertRow(target, kUnnamed, fresh, {}, RowState::kAlive, rows);
  if (done) done = Deliver(target, kind::kMessageCreated, kUnnamed, change.payload);
  if (!done) return Fail(std::move(done).error());
  return Changed{};
}

Result<Changed> Apply(const ChangeContext& context, const MessageUpdated& change) {
  Result<Found> found = Find(context, change);
  if (!found) return Fail(std::move(found).error());
  auto& [target, rows] = *found;
  Result<bool> old = IsOldEdit(target);
  if (!old) return Fail(std::move(old).error());
  if (*old) return Changed{"newer_edit_known"};
  // Only its author can edit a message, and the client's edits do not come back as events.
  const MessageRow pattern =
      rows.empty() ? MessageRow{0, kOut, UnixSeconds(context.now)} : rows.begin()->second;
  bool any = false;
  for (const std::string& id : IdsOf(change.external_ids, rows)) {
    Result<bool> updated = UpdateOne(target, id, rows, pattern, change.payload);
    if (!updated) return Fail(std::move(updated).error());
    any = any || *updated;
  }
  return Changed{any ? "" : "message_deleted"};
}

Result<Changed> Apply(const ChangeContext& context, const MessageDeleted& change) {
  Result<Found> found = Find(context, change);
  if (!found) return Fail(std::move(found).error());
  Result<Deletion> deletion = EndSending(*found);
  if (!deletion) return Fail(std::move(deletion).error());
  auto& [target, rows] = *found;
  // Whose message it was is unknown when the mapping never saw it: deletions of the client's own
  // messages look the same.
  const MessageRow pattern =
      rows.empty() ? MessageRow{0, {}, UnixSeconds(context.now)} : rows.begin()->second;
  std::vector<std::string> ids = IdsOf(change.external_ids, rows);
  for (const std::string& made : deletion->made) {
    if (std::find(ids.begin(), ids.end(), made) == ids.end()) ids.push_back(made);
  }
  bool any = false;
  bool all = true;
  for (const std::string& id : ids) {
    Result<bool> deleted = DeleteOne(target, id, rows, pattern, *deletion);
    if (!deleted) return Fail(std::move(deleted).error());
    any = any || *deleted;
    all = all && *deleted;
  }
  if (!all) {
    if (Status noted = NoteDeletionCame(context, change); !noted) {
      return Fail(std::move(noted).error());
    }
  }
  return Changed{any ? "" : "already_deleted"};
}

}  // namespace imrelay
