#pragma once

#include <cstdint>
#include <string>

#include "tests/portal/open_lines.h"

namespace imrelay::stand_in {

// What an operator does in the portal. Each answers like a REST method: 409 with a word when the
// portal's page would not offer it.

struct NewMessage {
  std::string connector;
  std::int64_t line = 0;
  std::string chat;  // external id; begun when there is none
  std::string text;
  PhpValue files = PhpValue::Map();
  std::int64_t user_id = 27;
};

// ONIMCONNECTORMESSAGEADD; answers message_id and chat_id.
Reply OperatorSends(Cloud& cloud, Portal& portal, const NewMessage& message);

// ONIMCONNECTORMESSAGEUPDATE, where a confirmation carried ids. An empty text deletes.
Reply OperatorEdits(Cloud& cloud, Portal& portal, std::int64_t message_id, const std::string& text,
                    const Actor& actor);

// ONIMCONNECTORMESSAGEDELETE with one element an external id, where there are ids; the portal has
// them no more afterwards. A client's message can be deleted where the connector allows it.
// `completely`: nothing of it is left, not even that it was there.
Reply OperatorDeletes(Cloud& cloud, Portal& portal, std::int64_t message_id, const Actor& actor,
                      bool completely = false);

// Operators look at every message that was confirmed since the last time and edit a share of them
// (0 to 1), and delete a share. Which ones its number alone decides. Answers how many were "edited"
// and "deleted", and how many wait for their confirmation ("unconfirmed").
Reply OperatorsSettle(Cloud& cloud, Portal& portal, double edits, double deletions);

}  // namespace imrelay::stand_in
