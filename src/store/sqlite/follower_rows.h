#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "domain/delivery.h"
#include "store/sqlite/message_rows.h"

namespace imrelay {

// The creation of a client's message, as its end finds it.
struct IncomingCreation {
  DeliveryId id;
  std::string external_id;
  std::int64_t chat_key = 0;
  bool maybe_done = false;
};

// Inside a writer's job, as all here: ends the edits that wait behind a client's message that is
// not sent any more, for `reason`. Where Bitrix24 does not have it for certain, its deletion ends
// as `cancelled` too.
Status EndIncomingFollowers(const ChangeContext& context, const IncomingCreation& creation,
                            const char* reason);

// Ends the edits that wait behind an operator's message that was not sent.
Status EndEdits(const ChangeContext& context, std::int64_t line_key, MessageId message,
                const char* reason);

// Whether an operator's message was never sent, and is not to be: an edit of it is pointless.
Result<bool> WasNeverSent(Database& database, std::int64_t line_key, MessageId message);

}  // namespace imrelay
