#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "domain/event.h"
#include "domain/ids.h"
#include "domain/portal.h"

namespace imrelay {

// Tells one event from another: the same post twice has the same key. Bitrix24 gives events no id
// of their own (docs of b24restdocs, api-reference/events/index.md), so it is a hash of content
// behind `ts` and the message's number.
using EventKey = std::array<std::uint8_t, 16>;

enum class EventSource { kWebhook, kSpool, kOffline, kReadback };

// By what an event is known again that comes by two ways, with two times: posted, and from the
// portal's offline queue.
struct Likeness {
  EventKey content{};  // of portal, name and data, without the time
  // Of an event of the queue: the keys it would have, had it been posted in the seconds around its
  // `ts`; the nearest first.
  std::vector<EventKey> posted = {};
  // Of an edit of the queue: a later one of the same message is there too, so this is not how the
  // message ended.
  bool overtaken = false;
};
// The two times of one event differ by no more, in seconds.
inline constexpr std::int64_t kLongestLikeness = 120;

enum class EventStatus {
  kApplied,   // its changes are in the database
  kWaiting,   // its installation is not proven yet
  kIgnored,   // authentic, but nothing of it changed anything; `reason` says why
  kRejected,  // the installation it belonged to was refused
};

// What the journal keeps of an event.
struct JournalEntry {
  EventKey key{};
  std::string name;
  EventSource source = EventSource::kWebhook;
  TimePoint received_at;
  std::optional<std::int64_t> ts;
  std::string body;    // as posted, without its tokens
  std::string reason;  // why it is ignored, or what of it was skipped; empty otherwise
};

// Where a message or a dialog belongs.
struct Place {
  ConnectorId connector;
  LineId line;
  ExternalChatId external_chat_id;
};

// The changes an event can ask for. `payload` is JSON for the channel besides the ids.
struct MessageCreated {
  Place place;
  ChatId chat_id;
  MessageId message_id;
  std::string payload;
};
struct MessageUpdated {
  Place place;
  ChatId chat_id;
  MessageId message_id;
  std::vector<ExternalMessageId> external_ids;  // empty: every one we know of the message
  std::string payload;
};
struct MessageDeleted {
  Place place;
  ChatId chat_id;
  MessageId message_id;
  std::vector<ExternalMessageId> external_ids;  // empty: every one we know of the message
};
struct DialogChanged {
  Place place;
  bool started = false;
  std::string payload;
};
struct LineDisconnected {
  ConnectorId connector;
  LineId line;
};
struct LineDeleted {
  LineId line;
};
struct PortalUninstalled {
  bool clean = false;  // erase tokens and message data too
};
using Change = std::variant<MessageCreated, MessageUpdated, MessageDeleted, DialogChanged,
                            LineDisconnected, LineDeleted, PortalUninstalled>;

// The reason of what is refused because others have to go before it.
inline constexpr const char* kHeldBack = "held";

// Everything one event changes; it is committed whole or not at all.
struct Plan {
  MemberId member_id;  // whose event it is
  PortalId portal;
  std::int64_t revision = 0;  // the portal's, when the plan was made
  JournalEntry journal;
  // The event waits for this installation's proof; `changes` is empty then.
  std::optional<InstallationId> waits_for;
  // The journalled event that waited and is applied now; none for a fresh one.
  std::optional<EventId> waited;
  // The journalled event, applied or ignored before, that is applied once more: only what is not
  // done yet is done, and otherwise it is kIgnored and nothing changes. None for any other.
  std::optional<EventId> replayed;
  // Nothing of the event can be used: it is journalled as ignored for journal.reason.
  bool ignored = false;
  // The portal is uninstalled: a post known from before is a duplicate, any other is refused; one
  // that waited is ignored and its body dropped.
  bool only_known = false;
  bool forget_previous_token = false;
  // The portal tells that its offline queue has something.
  bool offline_queue_filled = false;
  // None: the event is known again by its key alone.
  std::optional<Likeness> likeness = {};
  std::vector<Change> changes;
  // When this is true by the time its turn comes, it is refused with kUnavailable and the reason
  // kHeldBack: something that was before it could not be committed. None: it never waits.
  const std::atomic<bool>* unless = nullptr;
};

// An installation to be proven later: an ONAPPINSTALL or ONAPPUPDATE, a page opened with tokens, or
// another event that brings them to a portal whose own work no more.
struct InstallationRequest {
  JournalEntry journal;
  MemberId member_id;
  std::string application;  // whose path it was posted to; "" is the unnamed one
  // Without a token `token` is a value that nothing hashes to, and the portal keeps the one it has.
  bool has_token = true;
  TokenHash token{};
  std::string sealed_access_token;   // as posted; see SealPurpose in domain/portal.h
  std::string sealed_refresh_token;  // as posted; empty when the event had none
  std::string server_endpoint;       // the authorization server the event named; a hint only
  const std::atomic<bool>* unless = nullptr;  // as of a Plan
};

// What became of a commit. It is on disk when this is returned.
struct Committed {
  enum class Answer { kAccepted, kDuplicate, kIgnored };
  Answer answer = Answer::kAccepted;
  std::string reason;  // of kIgnored
  EventId event = {};  // of an installation: the journalled one, also where this is a duplicate
};

}  // namespace imrelay
