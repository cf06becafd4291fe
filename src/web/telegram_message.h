#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "codec/tree.h"

namespace imrelay {

// What of a Telegram message goes to Bitrix24. Source: core.telegram.org/bots/api, "Message".
struct TelegramMessage {
  std::string chat_id;
  std::string message_id;
  std::string payload;  // the element of MESSAGES, see IncomingMessage
};

// None where nothing of it can go: a service message ("joined", "pinned"), or no message at all.
std::optional<TelegramMessage> ReadTelegramMessage(const Tree& message);

// Its text or caption. What else it holds is named before that in brackets: "[photo]",
// "[file: offer.pdf]". The file itself does not come along: Telegram's address of it holds the
// bot's token. Empty where there is nothing to tell.
std::string TelegramMessageText(const Tree& message);

}  // namespace imrelay
