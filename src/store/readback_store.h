#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "domain/ids.h"
#include "store/plan.h"
#include "store/portal_store.h"

namespace imrelay {

// A message that was confirmed and may have been deleted before, without any event.
struct ReadbackMessage {
  MessageId message;
  std::vector<ExternalMessageId> ids;  // the channel's
};

// A chat that is to be looked at.
struct ReadbackChat {
  PortalAccess portal;
  Place place;
  ChatId chat;
  std::vector<ReadbackMessage> messages;  // by number; not deleted as far as we know
};

struct ReadbackCounts {
  std::int64_t waiting = 0;  // messages whose chat is to be looked at
  std::int64_t refused = 0;  // chats that the user of our token may not read
};

// What was confirmed and is to be read back. As Store: durable, thread-safe, several processes,
// kUnavailable when the database is away. A confirmation puts its message here by itself, where the
// portal granted the scope `im`.
class ReadbackStore {
 public:
  virtual ~ReadbackStore() = default;

  // The chat due longest, with at most kMostReadback of its messages; what is deleted or gone by
  // now is dropped. None when nothing is due.
  virtual Result<std::optional<ReadbackChat>> TakeReadback(TimePoint now) = 0;
  // They were looked at.
  virtual Status EndReadback(const ReadbackChat& chat, const std::vector<MessageId>& messages) = 0;
  // Nothing of the portal is due before `due`.
  virtual Status PostponeReadback(PortalId portal, TimePoint due) = 0;
  // The chat may not be read: it is left alone for a week.
  virtual Status RefuseReadback(PortalId portal, ChatId chat, TimePoint now) = 0;
  // The portal may not be read at all: what waits is dropped.
  virtual Status DropReadback(PortalId portal) = 0;

  virtual Result<ReadbackCounts> CountReadback(PortalId portal) = 0;
};

inline constexpr int kMostReadback = 40;

}  // namespace imrelay
