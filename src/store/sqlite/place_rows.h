#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "domain/delivery.h"
#include "store/sqlite/message_rows.h"

namespace imrelay {

// Row numbers of a place.
struct PlaceKeys {
  std::int64_t line = 0;
  std::int64_t chat = 0;
};

// Finds or makes the line and chat of a place. Traffic on a line that was disconnected before it
// shows that the line is active again. `chat_id` is 0 where the event does not tell it.
Result<PlaceKeys> KeysOf(const ChangeContext& context, const Place& place, ChatId chat_id);

// Shows the line of a connector as active, whatever it was.
Status ActivateLine(const ChangeContext& context, const ConnectorId& connector, LineId line);

// Something to be sent, written in the commit of what asks for it. Its target and its place in the
// order follow from its kind and place.
struct NewDelivery {
  std::string_view kind;
  std::optional<PlaceKeys> place;
  std::optional<MessageId> message_id;
  std::optional<std::string> external_message_id;
  std::optional<std::string> payload;
  std::optional<TimePoint> due = {};  // none: now
};
Result<DeliveryId> InsertDelivery(const ChangeContext& context, const NewDelivery& delivery);

}  // namespace imrelay
