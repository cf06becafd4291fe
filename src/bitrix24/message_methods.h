#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "bitrix24/call.h"
#include "domain/ids.h"

namespace imrelay {

// The methods that tell a portal of messages. As methods.h: a reader passes an error on as it is.
// Sources: bitrix24/b24restdocs, api-reference/imopenlines/imconnector/imconnector-send-*.md,
// -update-messages.md, -delete-messages.md; api-reference/chats/messages/im-message-add.md
// (2026-08-21); where they are silent, the vendor's code (yuliai/bitrix-modules,
// imconnector/rest.php and imconnector/lib/provider/custom, 2026-05-11).

// An operator's message that arrived in the channel.
struct Confirmation {
  ChatId chat;
  MessageId message;
  ExternalChatId external_chat;
  // All of them: only the first confirmation of a message counts, so what is missing here can never
  // be edited or deleted by Bitrix24. None: then nothing of it can.
  std::vector<ExternalMessageId> ids;
  TimePoint delivered_at;
};

// imconnector.send.status.delivery. `message.id` is always a list ("an array, not a single value,
// even if there is only one ID"). The answer tells nothing of the single messages: what is unknown
// there passes too.
inline constexpr std::size_t kMostConfirmations = 50;
Call ConfirmDelivery(const ConnectorId& connector, LineId line,
                     const std::vector<Confirmation>& confirmations);

// imconnector.send.messages, .update.messages, .delete.messages with one message: `element` is the
// JSON object that stands in MESSAGES. Not idempotent: what is sent twice appears twice. The line
// must be active (not_active_line).
Call SendMessage(const ConnectorId& connector, LineId line, const std::string& element);
Call UpdateMessage(const ConnectorId& connector, LineId line, const std::string& element);
Call DeleteMessage(const ConnectorId& connector, LineId line, const std::string& element);

// What one of the four says. SUCCESS outside stands for the call alone, that of RESULT[0], where
// there is one, for the message. What was refused is kPermanent with the word in its ERRORS.
CallResultOf<void> ReadSent(const CallResult& answer);

// im.dialog.messages.get: the newest messages of a chat that are older than `before`, 50 at most.
// Scope im; the token's user must be in the chat, else access_error. Who joined later may not see
// what is older than that.
// Source: api-reference/chats/messages/im-dialog-messages-get.md.
Call GetChatMessages(ChatId chat, MessageId before);
// A message as far as reading back needs it: the text is not kept.
struct ChatMessage {
  MessageId id;
  bool deleted = false;  // params.IS_DELETED
};
CallResultOf<std::vector<ChatMessage>> ReadChatMessages(const CallResult& answer, ChatId chat);
inline constexpr std::string_view kNoAccess = "access_error";

// im.message.add: a line in a chat, as a system message. One that is not marked important is not
// passed on to the connector (imopenlines), so the client never sees it. Scope im; the token's user
// must be in the chat, else access_error.
Call TellChat(ChatId chat, const std::string& sentence);
// What it says: the number of the line.
CallResultOf<void> ReadTold(const CallResult& answer);

}  // namespace imrelay
