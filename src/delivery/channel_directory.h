#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "channel/channel.h"
#include "domain/ids.h"

namespace imrelay {

// What of a deletion is decided before and beside the channel.
struct DeletionPolicy {
  // Of the message, in the channel; what is older is too_old without asking.
  std::optional<std::chrono::seconds> max_delete_age;
  // Where the channel cannot delete, an edit that says "message removed" is sent instead.
  bool edit_instead = false;
  // The client's own messages are deleted in the channel too; else that is unsupported.
  bool delete_incoming = false;
  // A deletion that failed for good is told in the chat, to the operator.
  bool tell_operator = true;
};

// A configured channel and the lines it serves.
struct ChannelEntry {
  std::string name;         // "" is the unnamed one, which serves every line that no other does
  std::string fingerprint;  // of its address; see EndpointState
  std::unique_ptr<Channel> channel;
  DeletionPolicy policy;
  // Which lines; what is not set fits every one.
  std::optional<MemberId> portal;
  std::optional<ConnectorId> connector;
  std::optional<LineId> line;
};

// Which channel a delivery goes to. Never changes; thread-safe.
class ChannelDirectory {
 public:
  explicit ChannelDirectory(std::vector<ChannelEntry> entries) : entries_(std::move(entries)) {}

  // The first entry that fits, then the unnamed one; null: no channel is configured for it, and
  // what is to be sent waits. What belongs to no line goes to the unnamed one; where there are only
  // others, it is cancelled.
  const ChannelEntry* Find(const MemberId& portal, const ConnectorId& connector, LineId line) const;

  const std::vector<ChannelEntry>& entries() const { return entries_; }

 private:
  const std::vector<ChannelEntry> entries_;
};

}  // namespace imrelay
