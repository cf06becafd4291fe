#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "domain/delivery.h"
#include "domain/ids.h"

namespace imrelay {

// What a channel said of one delivery.
struct ChannelAnswer {
  enum class Kind {
    kDone,
    kGone,         // of a deletion: it had it no more
    kTooOld,       // of a deletion
    kUnsupported,  // it does not do that
    kFailed,       // never: the request itself is refused
    kLater,        // not now: 429, 5xx, no answer
    kOff,          // 410: it wants no more calls until somebody turns it on
  };
  Kind kind = Kind::kDone;
  std::vector<ExternalMessageId> external_ids;  // see Settlement
  bool ids_follow = false;
  bool maybe_done = false;  // it may have been done although this is no kDone
  bool reached = false;     // the service answered, whatever it said: not a fault of its endpoint
  std::optional<std::chrono::milliseconds> retry_after;  // of kLater, where the service said so
  Attempt attempt;
  std::string reason;  // a short sentence without secrets; empty for kDone
};

// Where messages go. Thread-safe.
class Channel {
 public:
  using Answered = std::function<void(ChannelAnswer)>;

  virtual ~Channel() = default;

  // Sends one delivery of Target::kChannel and tells what became of it: once, perhaps before this
  // returns, on any thread; quick and without waiting. Not later than kLongestSend.
  virtual void Send(const Delivery& delivery, Answered answered) = 0;

  // An edit that says the message was removed, for a deletion that the channel does not do. Its
  // answer counts as the deletion's.
  virtual void SendRemovalAsEdit(const Delivery& delivery, Answered answered) = 0;

  // How long the channel lets messages be deleted; none: it must be asked.
  virtual std::optional<std::chrono::seconds> delete_limit() const { return std::nullopt; }
};

// What is read of a service's answer; a longer one is judged by its status alone.
inline constexpr std::size_t kLongestAnswer = 64 << 10;

// Shorter than a lease.
inline constexpr std::chrono::seconds kLongestSend{45};

}  // namespace imrelay
