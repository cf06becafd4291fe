#include "store/sqlite/settle_rows.h"

#include <algorithm>
#include <optional>
#include <string>

#include "store/sqlite/follower_rows.h"
#include "store/sqlite/naming_rows.h"
#include "store/sqlite/place_rows.h"

namespace imrelay {
namespace {

using Verdict = Settlement::Verdict;

// A delivery as it stands when its verdict comes.
struct Row {
  std::string state;
  std::string kind;
  PortalId portal;
  std::optional<std::int64_t> line_key;
  std::optional<std::int64_t> chat_key;
  std::optional<std::int64_t> message;
  std::optional<std::string> external_id;
  std::optional<std::int64_t> leased_by;
  std::int64_t attempts = 0;
  bool maybe_done = false;
  std::vector<std::string> made;
};

// What one settlement has to do with.
struct Case {
  Database& database;
  const Settlement& settled;
  TimePoint now;
  Row row;
  UsableIds told;  // by this attempt

  ChangeContext context() const { return {database, row.portal, now, {}}; }
  bool IsSending() const {
    return row.kind == kind::kMessageCreated && row.line_key && row.message;
  }
  bool IsIncoming() const { return row.kind == kind::kIncomingCreated && row.external_id; }
  IncomingCreation incoming() const {
    return {settled.id, *row.external_id, row.chat_key.value_or(0), row.maybe_done};
  }
  MessageId message() const { return MessageId(row.message.value_or(0)); }
};

Result<std::optional<Row>> FindRow(Database& database, DeliveryId id) {
  Statement& find = database.Prepare(sql::kOutboxState);
  Result<bool> found = find.Bind(id.value()).Step();
  if (!found) return Fail(std::move(found).error());
  if (!*found) return std::optional<Row>();
  Row row{find.Text(0),
          find.Text(1),
          PortalId(find.Integer(2)),
          find.OptionalInteger(3),
          find.OptionalInteger(4),
          find.OptionalInteger(5),
          find.IsNull(6) ? std::nullopt : std::optional(find.Text(6)),
          find.OptionalInteger(7),
          find.Integer(8),
          find.Integer(9) != 0,
          MadeIn(find.Text(10))};
  return std::optional(std::move(row));
}

Status InsertAttempt(const Case& c, const Attempt& attempt, const char* result) {
  Statement& insert = c.database.Prepare(sql::kAttemptInsert);
  insert.Bind(c.settled.id.value()).Bind(UnixMilliseconds(attempt.begun_at));
  insert.Bind(std::int64_t{attempt.took.count()}).Bind(std::int64_t{attempt.http_status});
  return insert.Bind(result).Bind(attempt.answer).Run();
}

Status RecordAttempts(const Case& c) {
  for (const SideAttempt& side : c.settled.besides) {
    Status done = InsertAttempt(c, side.attempt, side.result.c_str());
    if (!done) return done;
  }
  if (!c.settled.attempt) return {};
  return InsertAttempt(c, *c.settled.attempt, WordOf(c.settled.verdict));
}

// Of a delivery that does not end with it; End counts too.
Status CountAttempt(const Case& c) {
  if (!c.settled.attempt) return {};
  Statement& count = c.database.Prepare(sql::kOutboxCountAttempt);
  return count.Bind(c.settled.id.value()).Bind(UnixSeconds(c.settled.attempt->begun_at)).Run();
}

// Keeps what the attempt brought about, which counts whoever holds the delivery now.
Status Learn(Case& c) {
  const std::size_t before = c.row.made.size();
  for (const std::string& id : c.told.ids) {
    std::vector<std::string>& made = c.row.made;
    if (std::find(made.begin(), made.end(), id) == made.end()) made.push_back(id);
  }
  if (c.row.made.size() == before && (c.row.maybe_done || !c.settled.maybe_done)) return {};
  c.row.maybe_done = c.row.maybe_done || c.settled.maybe_done;
  Statement& learn = c.database.Prepare(sql::kOutboxLearn);
  learn.Bind(c.settled.id.value()).Bind(std::int64_t{c.row.maybe_done ? 1 : 0});
  return learn.Bind(ToColumn(c.row.made)).Run();
}

Status End(const Case& c, const char* state, const std::string& why) {
  Statement& end = c.database.Prepare(sql::kOutboxEnd);
  end.Bind(c.settled.id.value()).Bind(state).Bind(why);
  end.Bind(UnixSeconds(c.now)).Bind(std::int64_t{c.settled.attempt ? 1 : 0});
  c.database.NoteQueued();
  if (!c.settled.attempt) return end.BindNull().Run();
  return end.Bind(UnixSeconds(c.settled.attempt->begun_at)).Run();
}

Result<bool> MessageIsDeleted(const Case& c) {
  Statement& find = c.database.Prepare(sql::kMessageIsDeleted);
  return find.Bind(c.message().value()).Bind(*c.row.line_key).Step();
}

// The deletion of a message whose ids are still to come waits for them, for a while.
Status HoldDeletion(const Case& c) {
  Statement& find = c.database.Prepare(sql::kUnnamedDeletionFind);
  Result<bool> open = find.Bind(c.message().value()).Bind(*c.row.line_key).Step();
  if (!open) return Fail(std::move(open).error());
  if (!*open) return {};
  const std::int64_t deletion = find.Integer(0);
  Statement& hold = c.database.Prepare(sql::kDeliverySetDue);
  return hold.Bind(deletion).Bind(UnixMilliseconds(c.now + kIdsWait)).Run();
}

Status NameMessage(const Case& c) {
  std::vector<ExternalMessageId> ids;
  for (const std::string& id : c.row.made) ids.emplace_back(id);
  Result<DeliveryId> named = NameMessageRows(c.context(), *c.row.line_key, c.message(), ids);
  if (!named) return Fail(std::move(named).error());
  return {};
}

// A message was sent, or not, for good.
Status SettleSending(const Case& c) {
  if (c.settled.verdict == Verdict::kDone) {
    if (Status done = End(c, "done", c.told.problem); !done) return done;
    if (!c.row.made.empty()) return NameMessage(c);
    if (c.settled.ids_follow) return HoldDeletion(c);
    return ConfirmWithoutIds(c.context(), *c.row.line_key, c.message());
  }
  Result<bool> deleted = MessageIsDeleted(c);
  if (!deleted) return Fail(std::move(deleted).error());
  if (*deleted) {
    if (Status done = CountAttempt(c); !done) return done;
    return CancelSending(c.context(), {c.settled.id.value(), *c.row.line_key, c.message(),
                                       c.row.maybe_done, c.row.made});
  }
  const bool cancelled = c.settled.verdict == Verdict::kCancelled;
  Status done = End(c, cancelled ? "cancelled" : "failed", c.settled.reason);
  if (!done || c.row.maybe_done || !c.row.made.empty()) return done;
  return EndEdits(c.context(), *c.row.line_key, c.message(), "message_failed");
}

// The operator hears once that a message could not be deleted.
Status TellOperator(const Case& c) {
  if (!c.row.chat_key || !c.row.message) return {};
  Statement& chat = c.database.Prepare(sql::kChatNumber);
  Result<bool> known = chat.Bind(*c.row.chat_key).Step();
  if (!known) return Fail(std::move(known).error());
  if (!*known || chat.Integer(0) == 0) return {};
  Statement& gone = c.database.Prepare(sql::kPortalIsUninstalled);
  Result<bool> uninstalled = gone.Bind(c.row.portal.value()).Step();
  if (!uninstalled) return Fail(std::move(uninstalled).error());
  Statement& told = c.database.Prepare(sql::kDeliveryOfMessage);
  told.Bind(c.message().value()).Bind(*c.row.line_key).Bind(kind::kOperatorNotice);
  Result<bool> before = told.Step();
  if (!before) return Fail(std::move(before).error());
  if (*uninstalled || *before) return {};
  const std::string payload = "{\"outcome\":\"" + std::string(WordOf(c.settled.verdict)) + "\"}";
  Result<DeliveryId> queued =
      InsertDelivery(c.context(), {kind::kOperatorNotice,
                                   PlaceKeys{*c.row.line_key, *c.row.chat_key},
                                   c.message(),
                                   {},
                                   payload});
  if (!queued) return Fail(std::move(queued).error());
  return {};
}

Status SettleDeletion(const Case& c) {
  const Verdict verdict = c.settled.verdict;
  const char* word = WordOf(verdict);
  const bool ends_itself = verdict == Verdict::kFailed || verdict == Verdict::kCancelled;
  const bool silent = verdict == Verdict::kDone || !c.settled.reason.empty();
  Status done = End(c, ends_itself ? word : "done", silent ? c.settled.reason : word);
  if (!done || !c.row.line_key || !c.row.message) return done;
  Statement& outcome = c.database.Prepare(sql::kMessageSetOutcome);
  outcome.Bind(c.message().value()).Bind(*c.row.line_key).BindOptional(c.row.external_id);
  if (done = outcome.Bind(word).Run(); !done) return done;
  const bool in_vain = verdict == Verdict::kFailed || verdict == Verdict::kTooOld ||
                       verdict == Verdict::kUnsupported;
  return in_vain && c.settled.tell_operator ? TellOperator(c) : Status();
}

Status SettleOther(const Case& c) {
  const Verdict verdict = c.settled.verdict;
  const char* state = "failed";
  if (verdict == Verdict::kDone || verdict == Verdict::kGone) state = "done";
  if (verdict == Verdict::kCancelled) state = "cancelled";
  Status done = End(c, state, c.settled.reason);
  if (done && verdict == Verdict::kFailed && c.IsIncoming() && !c.row.maybe_done) {
    return EndIncomingFollowers(c.context(), c.incoming(), "message_failed");
  }
  if (!done || c.row.kind != kind::kIncomingDeleted || !c.row.external_id) return done;
  Statement& outcome = c.database.Prepare(sql::kIncomingSetOutcome);
  outcome.Bind(*c.row.external_id).Bind(c.row.chat_key.value_or(0));
  return outcome.Bind(state).Run();
}

// Whether the message is deleted that a delivery sends or edits.
Result<bool> IsOvertaken(const Case& c) {
  if (c.IsSending()) return MessageIsDeleted(c);
  if (c.row.kind == kind::kMessageUpdated) {
    Statement& find = c.database.Prepare(sql::kMessageIdIsDeleted);
    find.BindOptional(c.row.message).BindOptional(c.row.line_key);
    return find.BindOptional(c.row.external_id).Step();
  }
  if (!c.IsIncoming() && c.row.kind != kind::kIncomingUpdated) return false;
  Statement& alive = c.database.Prepare(sql::kIncomingIsAlive);
  Result<bool> found = alive.BindOptional(c.row.external_id).BindOptional(c.row.chat_key).Step();
  if (!found) return found;
  return !*found;
}

Status Postpone(const Case& c) {
  Result<bool> overtaken = IsOvertaken(c);
  if (!overtaken) return Fail(std::move(overtaken).error());
  if (*overtaken) {
    if (c.IsSending()) return SettleSending(c);
    Status done = End(c, "cancelled", "message_deleted");
    if (!done || !c.IsIncoming()) return done;
    return EndIncomingFollowers(c.context(), c.incoming(), "message_deleted");
  }
  if (Status done = CountAttempt(c); !done) return done;
  Statement& postpone = c.database.Prepare(sql::kOutboxPostpone);
  postpone.Bind(c.settled.id.value()).Bind(UnixMilliseconds(c.settled.due));
  return postpone.Bind(c.settled.reason).Run();
}

}  // namespace

Status SettleRow(Database& database, const Settlement& settled, LeaseHolder holder, TimePoint now) {
  Result<std::optional<Row>> row = FindRow(database, settled.id);
  if (!row) return Fail(std::move(row).error());
  if (!*row) return {};
  Case c{database, settled, now, **std::move(row), FindUsable(settled.external_ids)};
  if (c.row.state != "pending" && c.row.state != "leased") {
    // It was given up meanwhile, or another sent it, and was sent all the same: the ids are worth
    // knowing.
    const bool sent = c.IsSending() && settled.verdict == Verdict::kDone;
    c.row.made = c.told.ids;
    return sent && !c.row.made.empty() ? NameMessage(c) : Status();
  }
  Status done = RecordAttempts(c);
  if (done && (c.IsSending() || c.IsIncoming())) done = Learn(c);
  if (!done) return done;
  if (settled.verdict == Verdict::kLater) {
    const bool ours = c.row.state == "leased" && c.row.leased_by == holder;
    return ours ? Postpone(c) : CountAttempt(c);
  }
  if (c.IsSending()) return SettleSending(c);
  return c.row.kind == kind::kMessageDeleted ? SettleDeletion(c) : SettleOther(c);
}

}  // namespace imrelay
