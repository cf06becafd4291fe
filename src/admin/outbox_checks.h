#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "admin/doctor.h"
#include "base/clock.h"
#include "store/channel_store.h"
#include "store/outbox.h"

namespace imrelay {

// All that is known of what is to be sent, so that judging it asks nobody.
struct OutboxSight {
  OutboxLevels levels;
  std::vector<EndpointState> endpoints = {};  // of configured channels
  bool channel_configured = true;
  // Lines that no configured channel serves.
  std::vector<OutboxLevels::Line> unserved = {};
};

// Judges whether what was taken in gets out: dead letters, what waits too long, channels that are
// in trouble or off.
Findings CheckOutbox(const OutboxSight& sight, TimePoint now);

// Something that waits longer is not waiting its turn any more.
inline constexpr std::chrono::hours kWaitsTooLong{1};

}  // namespace imrelay
