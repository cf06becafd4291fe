#include "store/sqlite/replay_rows.h"

#include <utility>

namespace imrelay {
namespace {

EventStatus StatusOf(const std::string& word) {
  if (word == "applied") return EventStatus::kApplied;
  if (word == "waiting") return EventStatus::kWaiting;
  return word == "rejected" ? EventStatus::kRejected : EventStatus::kIgnored;
}

EventSource SourceOf(const std::string& word) {
  if (word == "spool") return EventSource::kSpool;
  if (word == "offline") return EventSource::kOffline;
  return word == "readback" ? EventSource::kReadback : EventSource::kWebhook;
}

// The event's time is that of its edit, so whoever has it or a later one has it already.
Result<bool> IsEdited(const ChangeContext& context, const MessageUpdated& change) {
  Statement& find = context.database.Prepare(sql::kEventLastEdit);
  find.Bind(context.portal.value()).Bind(change.place.connector.value());
  Result<bool> row = find.Bind(change.place.line.value()).Bind(change.message_id.value()).Step();
  if (!row) return Fail(std::move(row).error());
  const std::optional<std::int64_t> edited_at = find.OptionalInteger(0);
  return edited_at && *edited_at >= UnixSeconds(context.now);
}

// Why a change must not be done again; empty when it may be tried.
Result<std::string> ReasonAgainst(const ChangeContext& context, const Change& change,
                                  bool was_applied) {
  if (const auto* update = std::get_if<MessageUpdated>(&change)) {
    Result<bool> edited = IsEdited(context, *update);
    if (!edited) return Fail(std::move(edited).error());
    return std::string(*edited ? "already_edited" : "");
  }
  // The mapping itself passes by what it knows.
  const bool guarded = std::holds_alternative<MessageCreated>(change) ||
                       std::holds_alternative<MessageDeleted>(change);
  return std::string(was_applied && !guarded ? "already_applied" : "");
}

}  // namespace

Result<std::optional<JournalledEvent>> FindEventRow(Database& database, EventId id) {
  Statement& find = database.Prepare(sql::kEventShow);
  Result<bool> row = find.Bind(id.value()).Step();
  if (!row) return Fail(std::move(row).error());
  if (!*row) return std::optional<JournalledEvent>();
  JournalledEvent event;
  event.id = id;
  event.member_id = MemberId(find.Text(0));
  event.journal.name = find.Text(1);
  event.status = StatusOf(find.Text(2));
  event.journal.source = SourceOf(find.Text(3));
  event.journal.received_at = FromUnixSeconds(find.Integer(4));
  event.journal.ts = find.OptionalInteger(5);
  event.journal.body = find.Text(6);
  event.journal.reason = find.Text(7);
  return std::optional(std::move(event));
}

Result<std::string> LeaveOutDone(const ChangeContext& context, EventId event,
                                 std::vector<Change>& changes) {
  Statement& find = context.database.Prepare(sql::kEventStatus);
  Result<bool> row = find.Bind(event.value()).Step();
  if (!row) return Fail(std::move(row).error());
  if (!*row) return Fail(ErrorCode::kNotFound, "the event is not in the journal any more");
  const EventStatus status = StatusOf(find.Text(0));
  if (status != EventStatus::kApplied && status != EventStatus::kIgnored) {
    return Fail(ErrorCode::kConflict, "the event is " + find.Text(0));
  }
  std::string last;
  std::vector<Change> left;
  for (Change& change : changes) {
    Result<std::string> against = ReasonAgainst(context, change, status == EventStatus::kApplied);
    if (!against) return against;
    if (against->empty()) {
      left.push_back(std::move(change));
    } else {
      last = *std::move(against);
    }
  }
  changes = std::move(left);
  return last;
}

}  // namespace imrelay
