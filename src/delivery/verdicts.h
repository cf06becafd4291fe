#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/clock.h"
#include "channel/channel.h"
#include "delivery/channel_directory.h"
#include "domain/delivery.h"

namespace imrelay {

// How long something is tried, from its first attempt on, and how often at least: while a channel
// or portal takes nothing, hardly anything is tried, and that time is not held against what waits.
// What then fails is a dead letter.
inline constexpr std::chrono::hours kTriedFor{3 * 24};
inline constexpr int kTriedAtLeast = 20;
// No Retry-After is believed to be longer.
inline constexpr std::chrono::hours kLongestRetryAfter{24};

// Makes `settlement` one that comes again: after `at_least` (zero: nothing was said) or
// 1 s, 2 s … 1 h, whatever is longer; after kTriedFor and kTriedAtLeast it is kFailed instead.
void TryAgain(const Delivery& delivery, std::chrono::milliseconds at_least, TimePoint now,
              Settlement& settlement);

// What to do with a delivery to a channel that was taken up.
struct Decision {
  enum class Step {
    kSend,
    kSendRemovalAsEdit,  // it is known not to be deleted; `settlement` counts if this is refused
    kSettle,             // nobody is asked
  };
  Step step = Step::kSend;
  Settlement settlement;
};
// `delete_limit`: the channel's own.
Decision Decide(const Delivery& delivery, const DeletionPolicy& policy,
                std::optional<std::chrono::seconds> delete_limit, TimePoint now);

// What the channel's answer makes of a delivery.
Settlement SettlementOf(const Delivery& delivery, const ChannelAnswer& answer,
                        const DeletionPolicy& policy, TimePoint now);

// A deletion whose refusal an edit may take the place of.
bool WantsEdit(const Delivery& delivery, const ChannelAnswer& answer, const DeletionPolicy& policy);

// A fault of the endpoint and not of one delivery: no answer, or 5xx that does not say when to come
// again.
bool IsEndpointFault(const ChannelAnswer& answer);

}  // namespace imrelay
