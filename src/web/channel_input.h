#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "codec/tree.h"
#include "domain/ids.h"
#include "store/report.h"

namespace imrelay {

// The bodies of the channel API, checked field by field. What is not known is dropped. Every error
// is kInvalidArgument with the reason invalid_field; its message names the field, never its value.

// Where a request belongs, as far as it says so.
struct NamedPlace {
  std::optional<MemberId> portal;
  std::optional<ConnectorId> connector;
  std::optional<LineId> line;
};
Result<NamedPlace> ReadPlace(const Tree& body);

// What the client wrote, edited or deleted.
struct ChannelMessage {
  ExternalChatId chat;
  ExternalMessageId message;
  // The element of MESSAGES for imconnector.send.messages, update.messages or delete.messages, made
  // of checked fields only. Source: bitrix24/b24restdocs, api-reference/imopenlines/imconnector
  // (2026-08-21).
  std::string payload;
};
// `kind` is kind::kIncomingCreated, …Updated or …Deleted. A created message without a date gets
// `now`.
Result<ChannelMessage> ReadMessage(std::string_view kind, const Tree& body, TimePoint now);

// The external ids of an operator's message.
struct MessageIds {
  MessageId message;
  std::vector<ExternalMessageId> ids;
};
Result<MessageIds> ReadMessageIds(const Tree& body);

// Empty, or what an id of the channel has to be. Bitrix24 cuts a chat's at "|", trims both, keeps
// 100 bytes of a message's and never "0". Source: im/lib/V2/Message/Param.php and
// imconnector/lib/connectors/base.php.
enum class IdOf { kChat, kMessage };
std::string FaultOfId(IdOf what, std::string_view id);

// A whole number from 1 on, as text; none for anything else.
std::optional<std::int64_t> ParseNumber(std::string_view text);

// What the query of GET /channel/v1/messages asks for; without a limit of its own. Errors:
// kInvalidArgument, invalid_field.
Result<ReportQuery> ReadMessagesQuery(const std::string& query);

}  // namespace imrelay
