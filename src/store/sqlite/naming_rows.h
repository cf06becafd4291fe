#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "domain/delivery.h"
#include "store/sqlite/message_rows.h"

namespace imrelay {

// How long the deletion of a message whose ids are still to come waits for them.
inline constexpr std::chrono::minutes kIdsWait{10};

// Those of the ids a channel told that Bitrix24 can keep, trimmed, each once: 1 to 100 bytes of
// printable UTF-8, not "0" (see ExternalMessageId).
struct UsableIds {
  std::vector<std::string> ids;
  std::string problem;  // why others are left out; empty when none is
};
UsableIds FindUsable(const std::vector<ExternalMessageId>& told);

// Inside a writer's job, as all here: gives an operator's message the external ids that its channel
// told, and queues its confirmation, unless it has one or the portal is uninstalled. Where the
// message is deleted, the deletion that waited for the ids goes on with the first and is due now,
// and every other id is deleted too. An id the message has already changes nothing; the caller
// refuses other ids than the first, where it should. Unknown messages are passed by.
// Returns the confirmation, or else the first deletion queued or made due; 0 where there is none.
Result<DeliveryId> NameMessageRows(const ChangeContext& context, std::int64_t line_key,
                                   MessageId message, const std::vector<ExternalMessageId>& ids);

// The message was sent and the channel has no ids for it: it is confirmed without, and counted as
// undeletable.
Status ConfirmWithoutIds(const ChangeContext& context, std::int64_t line_key, MessageId message);

// The sending of a message, as an attempt or a deletion finds it.
struct Sending {
  std::int64_t delivery_id = 0;
  std::int64_t line_key = 0;
  MessageId message;
  bool maybe_done = false;
  std::vector<std::string> made;
};

// Cancels the sending of a message that is deleted. What it made already is named, and deleted
// where the mapping says so; a deletion without id goes on when it may have been sent, and ends as
// `cancelled` when it was not.
Status CancelSending(const ChangeContext& context, const Sending& sending);

// The column delivery.made: one id a line.
std::vector<std::string> MadeIn(const std::string& column);
std::string ToColumn(const std::vector<std::string>& made);

}  // namespace imrelay
