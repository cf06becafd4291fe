#include "store/sqlite/incoming_rows.h"

#include "store/sqlite/channel_rows.h"
#include "store/sqlite/delivery_rows.h"
#include "store/sqlite/place_rows.h"

namespace imrelay {
namespace {

// The channel's word about a line is no word about its state in Bitrix24, so it has no time.
constexpr std::int64_t kNoTime = 0;

// A message that was told before.
struct Known {
  bool in_mapping = false;  // with its number, or the operator's
  bool from_client = true;
  bool deleted = false;
  std::int64_t chat = 0;
  DeliveryId delivery;
  bool never_sent = false;  // Bitrix24 does not have it, for certain
};

// One message of one request.
struct Incoming {
  const ChannelRequest& request;
  const IncomingMessage& message;
  ChangeContext context;
};

Result<std::optional<Known>> FindInMapping(const Incoming& incoming, std::int64_t line) {
  Statement& find = incoming.context.database.Prepare(sql::kIncomingOfMapping);
  find.Bind(line).Bind(incoming.message.place.external_chat_id.value());
  Result<bool> row = find.Bind(incoming.message.external_message_id.value()).Step();
  if (!row) return Fail(std::move(row).error());
  if (!*row) return std::optional<Known>();
  Known known;
  known.in_mapping = true;
  known.from_client = find.OptionalInteger(0) == static_cast<int>(Direction::kIn);
  known.deleted = find.Integer(1) != 0;
  return std::optional(known);
}

Result<std::optional<Known>> FindKnown(const Incoming& incoming) {
  const Place& place = incoming.message.place;
  Statement& line = incoming.context.database.Prepare(sql::kLineFind);
  line.Bind(incoming.context.portal.value()).Bind(place.connector.value());
  Result<bool> row = line.Bind(place.line.value()).Step();
  if (!row) return Fail(std::move(row).error());
  if (!*row) return std::optional<Known>();
  const std::int64_t line_key = line.Integer(0);
  Statement& find = incoming.context.database.Prepare(sql::kClientMessageFind);
  find.Bind(line_key).Bind(place.external_chat_id.value());
  row = find.Bind(incoming.message.external_message_id.value()).Step();
  if (!row) return Fail(std::move(row).error());
  if (!*row) return FindInMapping(incoming, line_key);
  Known known;
  known.chat = find.Integer(0);
  known.delivery = DeliveryId(find.Integer(1));
  known.deleted = find.Integer(2) != 0;
  const std::string state = find.Text(3);
  known.never_sent =
      find.Integer(4) == 0 && (state == "pending" || state == "failed" || state == "cancelled");
  return std::optional(known);
}

Result<DeliveryId> Deliver(const Incoming& incoming, const PlaceKeys& keys) {
  const IncomingMessage& message = incoming.message;
  return InsertDelivery(
      incoming.context,
      {message.kind, keys, {}, message.external_message_id.value(), message.payload});
}

Result<Queued> Create(const Incoming& incoming, const std::optional<Known>& known) {
  if (known) return Queued{known->delivery, true};
  const IncomingMessage& message = incoming.message;
  Result<PlaceKeys> keys = KeysOf(incoming.context, message.place, ChatId());
  if (!keys) return Fail(std::move(keys).error());
  Result<DeliveryId> delivery = Deliver(incoming, *keys);
  if (!delivery) return Fail(std::move(delivery).error());
  Statement& insert = incoming.context.database.Prepare(sql::kIncomingInsert);
  insert.Bind(message.external_message_id.value()).Bind(keys->chat).Bind(keys->line);
  insert.Bind(delivery->value()).Bind(UnixSeconds(incoming.context.now));
  if (Status done = insert.Run(); !done) return Fail(std::move(done).error());
  return Queued{*delivery};
}

Result<Queued> Update(const Incoming& incoming, const Known& known) {
  if (known.deleted || known.in_mapping) {
    return Fail(ErrorCode::kConflict, "the message is deleted", "message_deleted");
  }
  Result<PlaceKeys> keys = KeysOf(incoming.context, incoming.message.place, ChatId());
  if (!keys) return Fail(std::move(keys).error());
  Statement& set = incoming.context.database.Prepare(sql::kIncomingSetUpdated);
  set.Bind(incoming.message.external_message_id.value()).Bind(known.chat);
  if (Status done = set.Bind(UnixSeconds(incoming.context.now)).Run(); !done) {
    return Fail(std::move(done).error());
  }
  Result<DeliveryId> delivery = Deliver(incoming, *keys);
  if (!delivery) return Fail(std::move(delivery).error());
  return Queued{*delivery};
}

Result<Queued> Delete(const Incoming& incoming, const Known& known) {
  if (known.deleted || known.in_mapping) return Queued{known.delivery, true};
  Database& database = incoming.context.database;
  DeliveryId delivery = known.delivery;
  if (known.never_sent) {
    Status cancelled = CancelOne(database, delivery, "message_deleted", incoming.context.now);
    if (!cancelled) return Fail(std::move(cancelled).error());
  } else {
    Result<PlaceKeys> keys = KeysOf(incoming.context, incoming.message.place, ChatId());
    if (!keys) return Fail(std::move(keys).error());
    Result<DeliveryId> queued = Deliver(incoming, *keys);
    if (!queued) return Fail(std::move(queued).error());
    delivery = *queued;
  }
  Statement& set = database.Prepare(sql::kIncomingSetDeleted);
  set.Bind(incoming.message.external_message_id.value()).Bind(known.chat);
  set.Bind(UnixSeconds(incoming.context.now)).Bind(known.never_sent ? "cancelled" : "pending");
  if (Status done = set.Bind(delivery.value()).Run(); !done) return Fail(std::move(done).error());
  return Queued{delivery};
}

Result<Queued> Take(const Incoming& incoming) {
  Result<std::optional<Known>> known = FindKnown(incoming);
  if (!known) return Fail(std::move(known).error());
  if (incoming.message.kind == kind::kIncomingCreated) return Create(incoming, *known);
  if (!*known || !(*known)->from_client) {
    return Fail(ErrorCode::kNotFound, "no message of the client has that id in that chat",
                "unknown_message");
  }
  return incoming.message.kind == kind::kIncomingUpdated ? Update(incoming, **known)
                                                         : Delete(incoming, **known);
}

}  // namespace

Result<Queued> QueueIncomingRows(Database& database, const ChannelRequest& request,
                                 const IncomingMessage& message) {
  Result<std::optional<Queued>> answered = FindAnswered(database, request);
  if (!answered) return Fail(std::move(answered).error());
  if (*answered) return **answered;
  Result<PortalId> portal = FindInstalled(database, message.member_id);
  if (!portal) return Fail(std::move(portal).error());
  Result<Queued> queued = Take({request, message, {database, *portal, request.now, kNoTime}});
  if (!queued) return Fail(std::move(queued).error());
  if (Status kept = RememberAnswer(database, request, *queued); !kept) {
    return Fail(std::move(kept).error());
  }
  return queued;
}

}  // namespace imrelay
