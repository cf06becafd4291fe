#include "store/sqlite/place_rows.h"

#include <vector>

#include "store/sqlite/erasure_rows.h"
#include "store/sqlite/installation_rows.h"

namespace imrelay {
namespace {

// The portal's clock orders the changes of a line; an event without `ts` counts as received now.
std::int64_t TimestampOf(const ChangeContext& context) {
  return context.ts.value_or(UnixSeconds(context.now));
}

Result<std::int64_t> InsertLine(const ChangeContext& context, const std::string& connector,
                                LineId line, const char* status) {
  Statement& insert = context.database.Prepare(sql::kLineInsert);
  insert.Bind(context.portal.value()).Bind(connector).Bind(line.value()).Bind(status);
  insert.Bind(TimestampOf(context)).Bind(UnixSeconds(context.now));
  if (Status done = insert.Run(); !done) return Fail(std::move(done).error());
  return context.database.last_insert_id();
}

Status SetLineStatus(const ChangeContext& context, std::int64_t line_key, const char* status) {
  Statement& update = context.database.Prepare(sql::kLineSetStatus);
  update.Bind(line_key).Bind(status);
  update.Bind(TimestampOf(context)).Bind(UnixSeconds(context.now));
  return update.Run();
}

struct LineRow {
  std::int64_t key;
  std::string status;
  std::int64_t status_ts;
};

Result<std::optional<LineRow>> FindLine(const ChangeContext& context, const std::string& connector,
                                        LineId line) {
  Statement& find = context.database.Prepare(sql::kLineFind);
  find.Bind(context.portal.value()).Bind(connector).Bind(line.value());
  Result<bool> row = find.Step();
  if (!row) return Fail(std::move(row).error());
  if (!*row) return std::optional<LineRow>();
  return std::optional(LineRow{find.Integer(0), find.Text(1), find.Integer(2)});
}

Result<std::int64_t> LineKeyOf(const ChangeContext& context, const Place& place) {
  Result<std::optional<LineRow>> line = FindLine(context, place.connector.value(), place.line);
  if (!line) return Fail(std::move(line).error());
  if (!*line) return InsertLine(context, place.connector.value(), place.line, "active");
  const LineRow& row = **line;
  if (row.status == "active" || TimestampOf(context) <= row.status_ts) return row.key;
  if (Status set = SetLineStatus(context, row.key, "active"); !set) {
    return Fail(std::move(set).error());
  }
  return row.key;
}

Target TargetOf(std::string_view kind) {
  if (kind == kind::kConfirm) return Target::kConfirmation;
  const bool to_portal = kind == kind::kOperatorNotice || kind == kind::kIncomingCreated ||
                         kind == kind::kIncomingUpdated || kind == kind::kIncomingDeleted;
  return to_portal ? Target::kPortal : Target::kChannel;
}

// Keeps the lanes of lines away from those of portals; as in the trigger delivery_placed.
constexpr std::int64_t kLineLanes = std::int64_t{1} << 40;

// What a delivery keeps its order in: its chat, or what the line has of no chat, or the portal of
// no line: a line whose channel is off holds up no other. None where it waits for nothing.
Result<std::optional<std::int64_t>> LaneOf(const ChangeContext& context, std::string_view kind,
                                           const PlaceKeys& place) {
  if (kind == kind::kConfirm || kind == kind::kOperatorNotice) return std::optional<std::int64_t>();
  const std::int64_t beside =
      place.line != 0 ? -(place.line + kLineLanes) : -context.portal.value();
  if (place.chat == 0) return std::optional(beside);
  Statement& find = context.database.Prepare(sql::kChatLane);
  Result<bool> row = find.Bind(place.chat).Step();
  if (!row) return Fail(std::move(row).error());
  return std::optional(find.IsNull(0) ? beside : find.Integer(0));
}

// Queues what the portal's own change asks for.
Result<Changed> Queue(const ChangeContext& context, const NewDelivery& delivery) {
  Result<DeliveryId> queued = InsertDelivery(context, delivery);
  if (!queued) return Fail(std::move(queued).error());
  return Changed{};
}

}  // namespace

Result<PlaceKeys> KeysOf(const ChangeContext& context, const Place& place, ChatId chat_id) {
  Result<std::int64_t> line = LineKeyOf(context, place);
  if (!line) return Fail(std::move(line).error());
  Statement& find = context.database.Prepare(sql::kChatFind);
  find.Bind(*line).Bind(place.external_chat_id.value()).Bind(chat_id.value());
  Result<bool> row = find.Step();
  if (!row) return Fail(std::move(row).error());
  if (*row) return PlaceKeys{*line, find.Integer(0)};
  Statement& insert = context.database.Prepare(sql::kChatInsert);
  insert.Bind(*line).Bind(place.external_chat_id.value()).Bind(chat_id.value());
  if (Status done = insert.Run(); !done) return Fail(std::move(done).error());
  return PlaceKeys{*line, context.database.last_insert_id()};
}

Status ActivateLine(const ChangeContext& context, const ConnectorId& connector, LineId line) {
  Result<std::optional<LineRow>> found = FindLine(context, connector.value(), line);
  if (!found) return Fail(std::move(found).error());
  if (*found) return SetLineStatus(context, (*found)->key, "active");
  Result<std::int64_t> made = InsertLine(context, connector.value(), line, "active");
  if (!made) return Fail(std::move(made).error());
  return {};
}

Result<DeliveryId> InsertDelivery(const ChangeContext& context, const NewDelivery& delivery) {
  const PlaceKeys place = delivery.place.value_or(PlaceKeys{});
  Result<std::optional<std::int64_t>> lane = LaneOf(context, delivery.kind, place);
  if (!lane) return Fail(std::move(lane).error());
  const auto known = [](std::int64_t key) {
    return key != 0 ? std::optional(key) : std::optional<std::int64_t>();
  };
  Statement& insert = context.database.Prepare(sql::kDeliveryInsert);
  insert.Bind(context.portal.value()).BindOptional(known(place.line));
  insert.BindOptional(known(place.chat));
  insert.BindOptional(delivery.message_id ? std::optional(delivery.message_id->value())
                                          : std::optional<std::int64_t>());
  insert.BindOptional(delivery.external_message_id).Bind(delivery.kind);
  insert.BindOptional(delivery.payload);
  insert.Bind(UnixMilliseconds(delivery.due.value_or(context.now)));
  insert.Bind(UnixSeconds(context.now));
  insert.Bind(static_cast<std::int64_t>(TargetOf(delivery.kind))).BindOptional(*lane);
  if (Status done = insert.Run(); !done) return Fail(std::move(done).error());
  context.database.NoteQueued();
  return DeliveryId(context.database.last_insert_id());
}

Result<Changed> Apply(const ChangeContext& context, const DialogChanged& change) {
  Result<PlaceKeys> keys = KeysOf(context, change.place, ChatId());
  if (!keys) return Fail(std::move(keys).error());
  NewDelivery delivery{
      change.started ? "dialog.started" : "dialog.finished", *keys, {}, {}, change.payload};
  return Queue(context, delivery);
}

Result<Changed> Apply(const ChangeContext& context, const LineDisconnected& change) {
  Result<std::optional<LineRow>> line = FindLine(context, change.connector.value(), change.line);
  if (!line) return Fail(std::move(line).error());
  std::int64_t key = 0;
  if (!*line) {
    Result<std::int64_t> made =
        InsertLine(context, change.connector.value(), change.line, "disconnected");
    if (!made) return Fail(std::move(made).error());
    key = *made;
  } else {
    if ((*line)->status != "active") return Changed{"already_" + (*line)->status};
    if (TimestampOf(context) < (*line)->status_ts) return Changed{"overtaken"};
    key = (*line)->key;
    if (Status set = SetLineStatus(context, key, "disconnected"); !set) {
      return Fail(std::move(set).error());
    }
  }
  return Queue(context, {"line.disconnected", PlaceKeys{key, 0}, {}, {}, {}});
}

Result<Changed> Apply(const ChangeContext& context, const LineDeleted& change) {
  Statement& update = context.database.Prepare(sql::kLineDeleteAll);
  update.Bind(context.portal.value()).Bind(change.line.value());
  update.Bind(TimestampOf(context)).Bind(UnixSeconds(context.now));
  std::vector<std::int64_t> marked;
  while (true) {
    Result<bool> row = update.Step();
    if (!row) return Fail(std::move(row).error());
    if (!*row) break;
    marked.push_back(update.Integer(0));
  }
  if (marked.empty()) {
    Statement& find = context.database.Prepare(sql::kLineOfAnyConnector);
    find.Bind(context.portal.value()).Bind(change.line.value());
    Result<bool> known = find.Step();
    if (!known) return Fail(std::move(known).error());
    if (*known) return Changed{"already_deleted"};
    // The event names no connector, and this line had no traffic of ours yet.
    Result<std::int64_t> made = InsertLine(context, "", change.line, "deleted");
    if (!made) return Fail(std::move(made).error());
    marked.push_back(*made);
  }
  for (const std::int64_t key : marked) {
    Result<Changed> queued = Queue(context, {"line.deleted", PlaceKeys{key, 0}, {}, {}, {}});
    if (!queued) return queued;
  }
  return Changed{};
}

Result<Changed> Apply(const ChangeContext& context, const PortalUninstalled& change) {
  const std::int64_t portal = context.portal.value();
  Statement& uninstall = context.database.Prepare(sql::kPortalUninstall);
  uninstall.Bind(portal).Bind(UnixSeconds(context.now));
  if (Status done = uninstall.Run(); !done) return Fail(std::move(done).error());
  // An installation from before ends with it; a later one, that overtook this event, does not.
  if (Status done =
          RefuseOlderInstallations(context.database, context.portal, TimestampOf(context));
      !done) {
    return Fail(std::move(done).error());
  }
  Statement& cancel = context.database.Prepare(sql::kPortalCancelCalls);
  Status cancelled = cancel.Bind(portal).Bind(UnixSeconds(context.now)).Run();
  if (cancelled) {
    cancelled = context.database.Prepare(sql::kIncomingCancelDeletions).Bind(portal).Run();
  }
  if (cancelled) cancelled = context.database.Prepare(sql::kReadbackEndPortal).Bind(portal).Run();
  if (!cancelled) return Fail(std::move(cancelled).error());
  Result<Changed> queued = Queue(context, {"portal.uninstalled", {}, {}, {}, {}});
  if (!queued) return queued;
  if (!change.clean) return Changed{};
  Status erased = BeginErasure(context.database, context.portal);
  if (erased) erased = EraseLittle(context.database, context.portal);
  if (!erased) return Fail(std::move(erased).error());
  return Changed{};
}

}  // namespace imrelay
