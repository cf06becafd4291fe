#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "domain/ids.h"
#include "domain/portal.h"

namespace imrelay {

// Our row number of a delivery. Zero is none.
using DeliveryId = Id<struct DeliveryIdTag, std::int64_t>;
// What is served in turn, so that none waits for another: the deliveries of one line, or those of a
// portal that belong to no line.
using QueueId = Id<struct QueueIdTag, std::int64_t>;

// Where a delivery goes. The numbers stand in the database.
enum class Target {
  kChannel = 0,       // order holds within an external chat
  kConfirmation = 1,  // imconnector.send.status.delivery; in any order, many in one call
  kPortal = 2,        // other calls to Bitrix24; order holds within an external chat
};

// The kinds, as the view `deliveries` and the channel's service see them.
namespace kind {
inline constexpr std::string_view kMessageCreated = "message.created";
inline constexpr std::string_view kMessageUpdated = "message.updated";
inline constexpr std::string_view kMessageDeleted = "message.deleted";
inline constexpr std::string_view kDialogStarted = "dialog.started";
inline constexpr std::string_view kDialogFinished = "dialog.finished";
inline constexpr std::string_view kLineDisconnected = "line.disconnected";
inline constexpr std::string_view kLineDeleted = "line.deleted";
inline constexpr std::string_view kPortalInstalled = "portal.installed";
inline constexpr std::string_view kPortalUninstalled = "portal.uninstalled";
// To Bitrix24.
inline constexpr std::string_view kConfirm = "confirm";
inline constexpr std::string_view kOperatorNotice = "operator.notice";
inline constexpr std::string_view kIncomingCreated = "incoming.created";  // send.messages
inline constexpr std::string_view kIncomingUpdated = "incoming.updated";  // update.messages
inline constexpr std::string_view kIncomingDeleted = "incoming.deleted";  // delete.messages
}  // namespace kind

enum class Direction { kOut = 0, kIn = 1 };  // the operator's, the client's

// Something taken up for sending, with what its sender has to know.
struct Delivery {
  DeliveryId id;
  QueueId queue;
  std::string kind;
  // The same over all its attempts and of nothing else ever, in any database: the `webhook-id`.
  std::string key;
  PortalId portal;
  MemberId member_id;
  PortalStatus portal_status = PortalStatus::kPending;
  ConnectorId connector;            // empty where there is no line, or only its number is known
  LineId line;                      // 0: none
  ExternalChatId external_chat_id;  // empty: none
  ChatId chat_id;                   // 0: not known
  std::optional<MessageId> message_id;
  std::optional<ExternalMessageId> external_message_id;
  std::string payload;  // JSON object; empty: none
  // External ids that earlier attempts already made, in order: what follows them is still to be
  // sent.
  std::vector<ExternalMessageId> made;
  int attempts = 0;  // before this one
  std::optional<TimePoint> first_attempt_at;
  TimePoint created_at;
  // Of its message, as the mapping knows it now.
  std::optional<TimePoint> message_created_at;
  std::optional<Direction> direction;
  bool message_deleted = false;
};

// One row of the attempt ledger.
struct Attempt {
  TimePoint begun_at;
  std::chrono::milliseconds took{0};
  int http_status = 0;  // 0: no answer
  // Of an answer that was not a success: at most kMaxKeptAnswer bytes of valid UTF-8, without
  // secrets and without the message's text.
  std::string answer;
};
inline constexpr std::size_t kMaxKeptAnswer = 200;

// A call that stands in the ledger and is no try of the delivery's: a deletion that was refused, so
// that an edit took its place, or one that a channel answered by turning itself off.
struct SideAttempt {
  Attempt attempt;
  std::string result;  // a word
};

// What became of a delivery that was taken up.
struct Settlement {
  enum class Verdict {
    kDone,
    // Deletions only; the delivery itself is done.
    kGone,         // the channel had it no more
    kTooOld,       // too old to be deleted there
    kUnsupported,  // cannot be deleted there
    kFailed,       // for good; a dead letter
    kCancelled,    // it has become pointless; `reason` says why
    kLater,        // pending again, due at `due`
  };
  DeliveryId id;
  Verdict verdict = Verdict::kDone;
  // None where nobody was asked. With one, the count of attempts grows.
  std::optional<Attempt> attempt;
  std::vector<SideAttempt> besides;  // made before `attempt`
  // A short sentence or word for people, becomes last_error; empty for kDone.
  std::string reason;
  TimePoint due;  // of kLater
  // The external ids of a created message: all of them for kDone, those made so far for kLater.
  std::vector<ExternalMessageId> external_ids;
  // kDone of a created message: the channel tells the ids later. Nothing is confirmed until then.
  bool ids_follow = false;
  // kLater, kFailed: the other side may have done it although it did not say so.
  bool maybe_done = false;
  // kFailed, kTooOld, kUnsupported of a deletion: a notice for the operator is queued, unless the
  // message had one already.
  bool tell_operator = false;
};

// The word for a verdict: of a deletion its outcome, "later" for kLater.
const char* WordOf(Settlement::Verdict verdict);

}  // namespace imrelay
