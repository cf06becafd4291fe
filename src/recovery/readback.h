#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "bitrix24/message_methods.h"
#include "ingest/ingest.h"
#include "install/portal_api.h"
#include "store/readback_store.h"

namespace imrelay {

// Finds deletions that give no event at all: of a message that was deleted between its sending and
// our confirmation, the portal tells nobody. Each chat is looked at once after confirmations, when
// there is room in the portal's rate. A message counts as deleted only when that is certain: it is
// there with the mark, or it is missing among older messages of its chat that are there. Who may
// not read a chat learns nothing of it; that is remembered. Not thread-safe; one process at a time.
class Readback {
 public:
  Readback(ReadbackStore& store, Ingest& ingest, PortalApi& api, const Clock& clock);

  // Looks at the chat that is due longest, if any. Returns whether one was due.
  // Errors: the store's.
  Result<bool> LookAtOne();

 private:
  Status Take(const ReadbackChat& chat, const std::vector<ReadbackMessage>& deleted);
  // The portal's chats are looked at later, and later still each time.
  Status Postpone(const PortalAccess& portal, const std::string& reason,
                  std::optional<TimePoint> not_before = {});
  Status Failed(const ReadbackChat& chat, const CallError& error);

  ReadbackStore& store_;
  Ingest& ingest_;
  PortalApi& api_;
  const Clock& clock_;
  std::map<PortalId, int> failures_;
};

// Which of the chat's messages are deleted for certain, by an answer to GetChatMessages that was
// asked for everything before the number after the last of them; and which of them it tells of.
struct Seen {
  std::vector<ReadbackMessage> deleted;
  std::vector<MessageId> looked_at;
};
Seen DeletedIn(const ReadbackChat& chat, const std::vector<ChatMessage>& answer);

}  // namespace imrelay
