#pragma once

#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/result.h"
#include "store/channel_states.h"
#include "store/channel_store.h"
#include "store/outbox.h"
#include "store/portal_store.h"
#include "web/http.h"

namespace imrelay {

// Where the levels come from.
struct MeasuredStores {
  PortalStore& portals;
  ChannelStore& channels;
  Outbox& outbox;
};

// What the database knows at this moment: portals and their tokens, queues, dead letters, and each
// of `channels`, those that are configured. Errors: the stores'.
Result<std::vector<Level>> FindLevels(const MeasuredStores& stores,
                                      const std::vector<ChannelAddress>& channels, TimePoint now);

// The answer to Prometheus, in its text format: what this process counted, and the levels.
Response MetricsAnswer(const std::vector<Level>& levels);

}  // namespace imrelay
