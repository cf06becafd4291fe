#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

namespace imrelay {

// One type a kind of id, so that swapping two does not compile.
template <class Tag, class Value>
class Id {
 public:
  Id() = default;
  explicit Id(Value value) : value_(std::move(value)) {}

  const Value& value() const { return value_; }
  friend auto operator<=>(const Id&, const Id&) = default;

 private:
  Value value_{};
};

// Our row number of a portal. Zero is none.
using PortalId = Id<struct PortalIdTag, std::int64_t>;
// Our row number of a journalled event. Zero is none.
using EventId = Id<struct EventIdTag, std::int64_t>;
// Our row number of an installation that waits for its proof. Zero is none.
using InstallationId = Id<struct InstallationIdTag, std::int64_t>;

// Bitrix24's name of a portal. It stays when the portal's address changes.
// Source: bitrix24/b24restdocs, settings/oauth/index.md (2026-08-21).
using MemberId = Id<struct MemberIdTag, std::string>;
// The connector's code, always in lower case: Bitrix24 lower-cases it at registration but events
// may carry what the caller typed. Source: imconnector/lib/rest/customconnectors.php.
using ConnectorId = Id<struct ConnectorIdTag, std::string>;
// An open line of a portal.
using LineId = Id<struct LineIdTag, std::int64_t>;
// A chat and a message inside Bitrix24 (`im.chat_id`, `im.message_id`).
using ChatId = Id<struct ChatIdTag, std::int64_t>;
using MessageId = Id<struct MessageIdTag, std::int64_t>;
// A chat and a message in the company's own channel. Bitrix24 keeps at most 100 bytes of a message
// id and never stores "0". Source: im/lib/V2/Message/Param.php.
using ExternalChatId = Id<struct ExternalChatIdTag, std::string>;
using ExternalMessageId = Id<struct ExternalMessageIdTag, std::string>;

}  // namespace imrelay
