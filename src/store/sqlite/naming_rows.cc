#include "store/sqlite/naming_rows.h"

#include <algorithm>
#include <optional>

#include "domain/external_id.h"
#include "store/sqlite/place_rows.h"

namespace imrelay {
namespace {

struct Row {
  std::int64_t part = 0;
  std::optional<std::string> id;
  std::int64_t chat = 0;
  std::optional<std::int64_t> direction;
  std::int64_t created_at = 0;
  std::optional<std::int64_t> deleted_at;
  std::string outcome;
  std::optional<std::int64_t> found_by;
};

// A message whose rows are being named.
struct Message {
  const ChangeContext& context;
  std::int64_t line_key;
  MessageId id;
  std::vector<Row> rows;
  DeliveryId deletion;  // the first that was queued or made due
};

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

// Printable UTF-8 as a JSON string.
std::string Quoted(const std::string& text) {
  std::string json = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') json += '\\';
    json += c;
  }
  return json + '"';
}

std::string ConfirmPayload(const std::vector<std::string>& ids, TimePoint now) {
  std::string list;
  for (const std::string& id : ids) list += (list.empty() ? "" : ",") + Quoted(id);
  return "{\"ids\":[" + list + "],\"date\":" + std::to_string(UnixSeconds(now)) + "}";
}

Result<Message> FindMessage(const ChangeContext& context, std::int64_t line_key, MessageId id) {
  Message message{context, line_key, id, {}, {}};
  Statement& find = context.database.Prepare(sql::kMessageNamingRows);
  find.Bind(id.value()).Bind(line_key);
  while (true) {
    Result<bool> row = find.Step();
    if (!row) return Fail(std::move(row).error());
    if (!*row) return message;
    message.rows.push_back({find.Integer(0),
                            find.IsNull(1) ? std::nullopt : std::optional(find.Text(1)),
                            find.Integer(2), find.OptionalInteger(3), find.Integer(4),
                            find.OptionalInteger(5), find.Text(6), find.OptionalInteger(7)});
  }
}

Status QueueDeletion(Message& message, const Row& row) {
  Result<DeliveryId> queued = InsertDelivery(
      message.context,
      {kind::kMessageDeleted, PlaceKeys{message.line_key, row.chat}, message.id, row.id, {}});
  if (!queued) return Fail(std::move(queued).error());
  if (message.deletion == DeliveryId()) message.deletion = *queued;
  return {};
}

// The deletion of a message that had no id goes on with one.
Status NameDeletion(Message& message, const Row& row) {
  Database& database = message.context.database;
  Statement& find = database.Prepare(sql::kUnnamedDeletionFind);
  Result<bool> open = find.Bind(message.id.value()).Bind(message.line_key).Step();
  if (!open) return Fail(std::move(open).error());
  if (*open) {
    message.deletion = DeliveryId(find.Integer(0));
    Statement& name = database.Prepare(sql::kDeliveryName);
    name.Bind(message.deletion.value()).Bind(*row.id);
    database.NoteQueued();
    return name.Bind(UnixMilliseconds(message.context.now)).Run();
  }
  // It ended without the id, so most likely in vain.
  if (row.outcome == "done") return {};
  Statement& again = database.Prepare(sql::kMessageSetOutcome);
  again.Bind(message.id.value()).Bind(message.line_key).Bind(*row.id).Bind("pending");
  if (Status done = again.Run(); !done) return done;
  return QueueDeletion(message, row);
}

// The row without id becomes that of `id`.
Status NameRow(Message& message, Row& row, const std::string& id) {
  Database& database = message.context.database;
  row.id = id;
  Statement& name = database.Prepare(sql::kMessageName);
  name.Bind(message.id.value()).Bind(message.line_key).Bind(row.part).Bind(id);
  if (Status done = name.Run(); !done) return done;
  if (row.deleted_at) return NameDeletion(message, row);
  Statement& updates = database.Prepare(sql::kUpdatesName);
  return updates.Bind(message.id.value()).Bind(message.line_key).Bind(id).Run();
}

// The edits that wait for the message's first id go to one more, too.
Status QueueEdits(const Message& message, const Row& row) {
  const std::optional<std::string>& first = message.rows.front().id;
  if (!first) return {};
  Statement& find = message.context.database.Prepare(sql::kUpdatesOpen);
  find.Bind(message.id.value()).Bind(message.line_key).Bind(*first);
  std::vector<std::string> payloads;
  while (true) {
    Result<bool> edit = find.Step();
    if (!edit) return Fail(std::move(edit).error());
    if (!*edit) break;
    payloads.push_back(find.Text(0));
  }
  for (std::string& payload : payloads) {
    Result<DeliveryId> queued = InsertDelivery(
        message.context, {kind::kMessageUpdated, PlaceKeys{message.line_key, row.chat}, message.id,
                          row.id, std::move(payload)});
    if (!queued) return Fail(std::move(queued).error());
  }
  return {};
}

// One more id of the message; deleted where the message is.
Status AddRow(Message& message, const std::string& id) {
  Row row = message.rows.front();
  for (const Row& other : message.rows) {
    row.part = std::max(row.part, other.part + 1);
    if (other.deleted_at) {
      row.deleted_at = other.deleted_at;
      row.found_by = other.found_by;
    }
  }
  row.id = id;
  Statement& insert = message.context.database.Prepare(sql::kMessageInsert);
  insert.Bind(message.line_key).Bind(message.id.value()).Bind(row.part).Bind(id).Bind(row.chat);
  insert.BindOptional(row.direction).Bind(row.created_at).BindNull().BindOptional(row.deleted_at);
  insert.BindOptional(row.deleted_at ? std::optional<std::string>("pending") : std::nullopt);
  insert.BindNull().BindOptional(row.found_by);
  if (Status done = insert.Run(); !done) return done;
  message.rows.push_back(row);
  return row.deleted_at ? QueueDeletion(message, row) : QueueEdits(message, row);
}

Status NameRows(Message& message, const std::vector<std::string>& ids) {
  for (const std::string& id : ids) {
    Row* unnamed = nullptr;
    bool known = false;
    for (Row& row : message.rows) {
      if (!row.id) unnamed = &row;
      known = known || row.id == id;
    }
    if (known) continue;
    Status done = unnamed != nullptr ? NameRow(message, *unnamed, id) : AddRow(message, id);
    if (!done) return done;
  }
  return {};
}

// Queues the confirmation. None when the portal is uninstalled or it was sent before.
Result<DeliveryId> Confirm(const Message& message, const std::vector<std::string>& ids) {
  Database& database = message.context.database;
  Statement& gone = database.Prepare(sql::kPortalIsUninstalled);
  Result<bool> uninstalled = gone.Bind(message.context.portal.value()).Step();
  if (!uninstalled) return Fail(std::move(uninstalled).error());
  if (*uninstalled) return DeliveryId();
  const std::string payload = ConfirmPayload(ids, message.context.now);
  Statement& find = database.Prepare(sql::kDeliveryOfMessage);
  find.Bind(message.id.value()).Bind(message.line_key).Bind(kind::kConfirm);
  Result<bool> known = find.Step();
  if (!known) return Fail(std::move(known).error());
  if (!*known) {
    return InsertDelivery(message.context, {kind::kConfirm,
                                            PlaceKeys{message.line_key, message.rows.front().chat},
                                            message.id,
                                            {},
                                            payload});
  }
  if (ids.empty()) return DeliveryId();
  const DeliveryId confirm(find.Integer(0));
  Statement& take_along = database.Prepare(sql::kConfirmSetIds);
  Status done = take_along.Bind(confirm.value()).Bind(payload).Run();
  if (done && database.changes() == 1) {
    Statement& deletable = database.Prepare(sql::kMessageSetUndeletable);
    done = deletable.Bind(message.id.value()).Bind(message.line_key).BindNull().Run();
    if (done) return confirm;
  }
  if (!done) return Fail(std::move(done).error());
  return DeliveryId();
}

// Nothing was sent, so nothing has to be deleted.
Status EndUnnamedDeletion(const ChangeContext& context, const Sending& sending) {
  Statement& outcome = context.database.Prepare(sql::kMessageSetOutcome);
  outcome.Bind(sending.message.value()).Bind(sending.line_key).BindNull().Bind("cancelled");
  if (Status done = outcome.Run(); !done) return done;
  Statement& find = context.database.Prepare(sql::kUnnamedDeletionFind);
  Result<bool> open = find.Bind(sending.message.value()).Bind(sending.line_key).Step();
  if (!open) return Fail(std::move(open).error());
  if (!*open) return {};
  Statement& end = context.database.Prepare(sql::kOutboxEnd);
  end.Bind(find.Integer(0)).Bind("cancelled").Bind("never_sent");
  end.Bind(UnixSeconds(context.now)).Bind(std::int64_t{0}).BindNull();
  return end.Run();
}

}  // namespace

UsableIds FindUsable(const std::vector<ExternalMessageId>& told) {
  UsableIds usable;
  for (const ExternalMessageId& id : told) {
    const std::string_view text = Trimmed(id.value());
    if (const char* const fault = FaultOfExternalId(text)) {
      usable.problem = std::string("the channel told ") + fault;
    } else if (std::find(usable.ids.begin(), usable.ids.end(), text) == usable.ids.end()) {
      usable.ids.emplace_back(text);
    }
  }
  return usable;
}

Result<DeliveryId> NameMessageRows(const ChangeContext& context, std::int64_t line_key,
                                   MessageId id, const std::vector<ExternalMessageId>& ids) {
  const std::vector<std::string> usable = FindUsable(ids).ids;
  Result<Message> message = FindMessage(context, line_key, id);
  if (!message) return Fail(std::move(message).error());
  if (message->rows.empty() || usable.empty()) return DeliveryId();
  if (Status named = NameRows(*message, usable); !named) return Fail(std::move(named).error());
  Result<DeliveryId> confirm = Confirm(*message, usable);
  if (!confirm || *confirm != DeliveryId()) return confirm;
  return message->deletion;
}

Status ConfirmWithoutIds(const ChangeContext& context, std::int64_t line_key, MessageId id) {
  Result<Message> message = FindMessage(context, line_key, id);
  if (!message) return Fail(std::move(message).error());
  if (message->rows.empty()) return {};
  Statement& mark = context.database.Prepare(sql::kMessageSetUndeletable);
  Status marked = mark.Bind(id.value()).Bind(line_key).Bind(std::int64_t{1}).Run();
  if (!marked) return marked;
  Result<DeliveryId> confirm = Confirm(*message, {});
  if (!confirm) return Fail(std::move(confirm).error());
  return {};
}

Status CancelSending(const ChangeContext& context, const Sending& sending) {
  Statement& end = context.database.Prepare(sql::kOutboxEnd);
  end.Bind(sending.delivery_id).Bind("cancelled").Bind("message_deleted");
  end.Bind(UnixSeconds(context.now)).Bind(std::int64_t{0}).BindNull();
  if (Status done = end.Run(); !done) return done;
  context.database.NoteQueued();
  if (sending.made.empty()) {
    return sending.maybe_done ? Status() : EndUnnamedDeletion(context, sending);
  }
  Result<Message> message = FindMessage(context, sending.line_key, sending.message);
  if (!message) return Fail(std::move(message).error());
  if (message->rows.empty()) return {};
  return NameRows(*message, sending.made);
}

std::vector<std::string> MadeIn(const std::string& column) {
  std::vector<std::string> made;
  for (std::size_t from = 0; from < column.size();) {
    const std::size_t end = std::min(column.find('\n', from), column.size());
    made.push_back(column.substr(from, end - from));
    from = end + 1;
  }
  return made;
}

std::string ToColumn(const std::vector<std::string>& made) {
  std::string column;
  for (const std::string& id : made) column += (column.empty() ? "" : "\n") + id;
  return column;
}

}  // namespace imrelay
