#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "domain/delivery.h"
#include "domain/ids.h"
#include "store/plan.h"
#include "store/report.h"

namespace imrelay {

// What a channel's service asks of us.
struct ChannelRequest {
  // Repeats are told by it: the same key with the same content gives the first answer once more.
  // Of the channel's name and its Idempotency-Key, or of an update_id; none: nothing is remembered.
  std::optional<std::array<std::uint8_t, 16>> key;
  std::array<std::uint8_t, 16> content{};  // digest of the request
  TimePoint now;
};
inline constexpr std::chrono::hours kIdempotencyTime{7 * 24};

// The client wrote, edited or deleted something.
struct IncomingMessage {
  std::string_view kind;  // kind::kIncomingCreated, …Updated or …Deleted
  MemberId member_id;
  Place place;
  ExternalMessageId external_message_id;
  std::string payload;  // the element of MESSAGES, as JSON
};

struct Queued {
  DeliveryId delivery;    // zero where nothing was to be sent, or of a repeat that nobody knows
  bool repeated = false;  // the same was asked before
};

// What the metrics and the doctor look at.
struct OutboxLevels {
  struct Queue {
    MemberId member_id;
    Target target = Target::kChannel;
    std::int64_t open = 0;
    TimePoint oldest;  // created_at
  };
  // What is for the channel, by line; of no line: what of a portal belongs to none.
  struct Line {
    MemberId member_id;
    ConnectorId connector;
    LineId line;
    std::int64_t open = 0;
  };
  std::vector<Queue> queues;     // by portal and target; only those with something open
  std::vector<Line> lines;       // the same, of Target::kChannel
  std::int64_t failed = 0;       // dead letters
  std::int64_t undeletable = 0;  // messages confirmed without ids
};

// What the channel's side asks of the store, and the commands about deliveries. As Store: durable,
// thread-safe, several processes, kUnavailable when the database is away.
class ChannelStore {
 public:
  virtual ~ChannelStore() = default;

  // Queues the client's message for Bitrix24, or its edit or deletion, and keeps its place in the
  // mapping (direction `in`). A created one whose external id is known in that chat is `repeated`,
  // and so is the deletion of a deleted one. A deletion of what was never sent cancels the sending;
  // `delivery` is then that one.
  // Errors: kNotFound with the reason unknown_portal or unknown_message (an edit or deletion of
  // what was never created); kConflict with idempotency_key when the key came with another content,
  // with uninstalled where the portal is, with message_deleted of an edit that comes too late.
  virtual Result<Queued> QueueIncoming(const ChannelRequest& request,
                                       const IncomingMessage& message) = 0;

  // The ids of an operator's message, told after a 202. Queues the confirmation, or the deletions
  // that waited for them; after an uninstallation only those. The first ids stay: others are a
  // kConflict, known_ids. Errors: kNotFound, unknown_portal or unknown_message; QueueIncoming's.
  virtual Result<Queued> NameMessage(const ChannelRequest& request, const MemberId& member_id,
                                     const ConnectorId& connector, LineId line, MessageId message,
                                     const std::vector<ExternalMessageId>& ids) = 0;

  // --- people

  // Ended as failed: pending again, due now, with a fresh count of days. RetryFailed passes over
  // what RetryDelivery refuses, and returns how many. It does a few at a time, and can be repeated.
  // Errors: kNotFound when there is no such delivery; kConflict with not_failed, message_deleted
  // (only its deletion is sent then) or uninstalled (a call to Bitrix24).
  virtual Status RetryDelivery(DeliveryId id, TimePoint now) = 0;
  virtual Result<int> RetryFailed(const ReportQuery& which, TimePoint now) = 0;
  // Pending: ended as cancelled; a deletion's outcome is `cancelled`, and the edits of a message
  // that is not sent end too. Failed: ended as cancelled, so that nobody is reminded of it any
  // more; a deletion's outcome stays `failed`.
  // Errors: kNotFound; kConflict with leased (it is being sent) or ended.
  virtual Status CancelDelivery(DeliveryId id, TimePoint now) = 0;

  virtual Result<OutboxLevels> FindLevels() = 0;
};

}  // namespace imrelay
