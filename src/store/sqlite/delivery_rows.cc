#include "store/sqlite/delivery_rows.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

namespace imrelay {
namespace {

struct DeliveryRow {
  std::string kind;
  std::string state;
  std::int64_t line = 0;
  std::optional<std::int64_t> message_id;
  std::optional<std::string> external_id;
  std::int64_t chat = 0;
  Target target = Target::kChannel;
  bool uninstalled = false;  // its portal
};

Result<DeliveryRow> FindDelivery(Database& database, DeliveryId id) {
  Statement& find = database.Prepare(sql::kDeliveryFind);
  Result<bool> row = find.Bind(id.value()).Step();
  if (!row) return Fail(std::move(row).error());
  if (!*row) return Fail(ErrorCode::kNotFound, "no delivery " + std::to_string(id.value()));
  DeliveryRow found;
  found.kind = find.Text(0);
  found.state = find.Text(1);
  found.line = find.Integer(2);
  found.message_id = find.OptionalInteger(3);
  if (!find.IsNull(4)) found.external_id = find.Text(4);
  found.chat = find.Integer(5);
  found.target = static_cast<Target>(find.Integer(6));
  found.uninstalled = find.Integer(7) != 0;
  return found;
}

Result<bool> HasRow(Statement& find) {
  Result<bool> row = find.Step();
  if (!row) return Fail(std::move(row).error());
  return *row;
}

bool IsDeletion(const std::string& kind) {
  return kind == kind::kMessageDeleted || kind == kind::kIncomingDeleted;
}

// Whether the message is deleted, so that it must not be sent or edited any more.
Result<bool> IsOvertaken(Database& database, const DeliveryRow& row) {
  if (row.kind == kind::kMessageCreated || row.kind == kind::kMessageUpdated) {
    Statement& deleted = database.Prepare(sql::kMessageIsDeleted);
    return HasRow(deleted.BindOptional(row.message_id).Bind(row.line));
  }
  if (row.kind == kind::kIncomingCreated || row.kind == kind::kIncomingUpdated) {
    Statement& alive = database.Prepare(sql::kIncomingIsAlive);
    Result<bool> found = HasRow(alive.BindOptional(row.external_id).Bind(row.chat));
    if (!found) return found;
    return !*found;
  }
  return false;
}

Status SetOutcome(Database& database, const DeliveryRow& row, const char* outcome) {
  if (row.kind == kind::kMessageDeleted) {
    Statement& set = database.Prepare(sql::kMessageSetOutcome);
    set.BindOptional(row.message_id).Bind(row.line).BindOptional(row.external_id);
    return set.Bind(outcome).Run();
  }
  Statement& set = database.Prepare(sql::kIncomingSetOutcome);
  return set.BindOptional(row.external_id).Bind(row.chat).Bind(outcome).Run();
}

Status CancelAlone(Database& database, DeliveryId id, const char* reason, TimePoint now) {
  Statement& cancel = database.Prepare(sql::kDeliveryCancel);
  return cancel.Bind(id.value()).Bind(reason).Bind(UnixSeconds(now)).Run();
}

// The edits that wait behind a message that is not sent.
Result<std::vector<DeliveryId>> FindEdits(Database& database, DeliveryId id,
                                          const DeliveryRow& row) {
  if (row.kind == kind::kIncomingCreated) {
    Statement& after = database.Prepare(sql::kIncomingOpenAfter);
    return TakeDeliveryIds(after.Bind(id.value()).Bind(kind::kIncomingUpdated));
  }
  if (row.kind != kind::kMessageCreated) return std::vector<DeliveryId>();
  Statement& find = database.Prepare(sql::kDeliveriesOfMessageOpen);
  find.Bind(row.line).BindOptional(row.message_id).Bind(kind::kMessageUpdated);
  return TakeDeliveryIds(find);
}

// Of one line; those of one portal and target come one after another.
void Add(const OutboxLevels::Queue& queue, ConnectorId connector, LineId line,
         OutboxLevels& levels) {
  if (queue.target == Target::kChannel) {
    levels.lines.push_back({queue.member_id, std::move(connector), line, queue.open});
  }
  std::vector<OutboxLevels::Queue>& queues = levels.queues;
  if (queues.empty() || queues.back().member_id != queue.member_id ||
      queues.back().target != queue.target) {
    queues.push_back(queue);
    return;
  }
  queues.back().open += queue.open;
  queues.back().oldest = std::min(queues.back().oldest, queue.oldest);
}

}  // namespace

Result<std::vector<DeliveryId>> TakeDeliveryIds(Statement& find) {
  std::vector<DeliveryId> ids;
  while (true) {
    Result<bool> row = find.Step();
    if (!row) return Fail(std::move(row).error());
    if (!*row) return ids;
    ids.emplace_back(find.Integer(0));
  }
}

Status RetryRow(Database& database, DeliveryId id, TimePoint now) {
  Result<DeliveryRow> row = FindDelivery(database, id);
  if (!row) return Fail(std::move(row).error());
  const std::string name = "delivery " + std::to_string(id.value());
  if (row->state != "failed") {
    return Fail(ErrorCode::kConflict, name + " is " + row->state + "; only a failed one is retried",
                "not_failed");
  }
  if (row->uninstalled && row->target != Target::kChannel) {
    return Fail(ErrorCode::kConflict, name + " is a call to a portal that was uninstalled",
                "uninstalled");
  }
  Result<bool> overtaken = IsOvertaken(database, *row);
  if (!overtaken) return Fail(std::move(overtaken).error());
  if (*overtaken) {
    return Fail(ErrorCode::kConflict, name + " is of a message that was deleted meanwhile",
                "message_deleted");
  }
  database.NoteQueued();
  Statement& retry = database.Prepare(sql::kDeliveryRetry);
  if (Status done = retry.Bind(id.value()).Bind(UnixMilliseconds(now)).Run(); !done) return done;
  return IsDeletion(row->kind) ? SetOutcome(database, *row, "pending") : Status();
}

Status CancelRow(Database& database, DeliveryId id, TimePoint now) {
  Result<DeliveryRow> row = FindDelivery(database, id);
  if (!row) return Fail(std::move(row).error());
  const std::string name = "delivery " + std::to_string(id.value());
  if (row->state == "leased") {
    return Fail(ErrorCode::kConflict, name + " is being sent right now; look again in a minute",
                "leased");
  }
  if (row->state != "pending" && row->state != "failed") {
    return Fail(ErrorCode::kConflict, name + " has ended: " + row->state, "ended");
  }
  if (Status done = CancelOne(database, id, "cancelled by hand", now); !done) return done;
  const bool ends_deletion = row->state == "pending" && IsDeletion(row->kind);
  return ends_deletion ? SetOutcome(database, *row, "cancelled") : Status();
}

Status CancelOne(Database& database, DeliveryId id, const char* reason, TimePoint now) {
  Result<DeliveryRow> row = FindDelivery(database, id);
  if (!row) return row.error().code == ErrorCode::kNotFound ? Status() : Fail(row.error());
  if (row->state != "pending" && row->state != "failed") return {};
  Result<std::vector<DeliveryId>> edits = FindEdits(database, id, *row);
  if (!edits) return Fail(std::move(edits).error());
  database.NoteQueued();  // what waited behind it
  for (const DeliveryId edit : *edits) {
    if (Status done = CancelAlone(database, edit, reason, now); !done) return done;
  }
  return CancelAlone(database, id, reason, now);
}

Result<std::vector<DeliveryId>> FindFailed(Database& database, const ReportQuery& which,
                                           DeliveryId after, int limit) {
  Statement& find = database.Prepare(sql::kDeliveriesFailed);
  find.Bind(after.value()).BindOptional(which.member_id).BindOptional(which.line_id);
  find.BindOptional(which.connector).BindOptional(which.kind);
  return TakeDeliveryIds(find.Bind(std::int64_t{limit}));
}

Result<OutboxLevels> FindLevelRows(Database& database) {
  OutboxLevels levels;
  Statement& queues = database.Prepare(sql::kLevelsOfQueues);
  while (true) {
    Result<bool> row = queues.Step();
    if (!row) return Fail(std::move(row).error());
    if (!*row) break;
    Add({MemberId(queues.Text(0)), static_cast<Target>(queues.Integer(1)), queues.Integer(2),
         TimePoint(std::chrono::seconds(queues.Integer(3)))},
        ConnectorId(queues.Text(4)), LineId(queues.Integer(5)), levels);
  }
  Statement& ends = database.Prepare(sql::kLevelsOfEnds);
  Result<bool> row = ends.Step();
  if (!row) return Fail(std::move(row).error());
  levels.failed = ends.Integer(0);
  levels.undeletable = ends.Integer(1);
  return levels;
}

}  // namespace imrelay
