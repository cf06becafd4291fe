#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "domain/ids.h"
#include "store/portal_store.h"

namespace imrelay {

// What is known of a portal's offline queue.
struct OfflineQueueState {
  std::optional<TimePoint> read_at;     // the last read that came to the end
  std::string problem;                  // why the last one did not; empty when it did
  std::optional<std::int64_t> waiting;  // events that the last read left there
  // Whether the plan has rest_offline_extended, as the portal said at `extended_at`.
  std::optional<bool> extended;
  std::optional<TimePoint> extended_at;
};

// What came of a read of the queue.
struct OfflineRead {
  std::string problem;  // empty: it came to the end
  std::int64_t waiting = 0;
  std::optional<TimePoint> again_at;  // none: as BeginOfflineRead said, or sooner
};

// The reading of the portals' offline queues. As Store: durable, thread-safe, several processes,
// kUnavailable when the database is away. An event that says a queue has something makes it due,
// and so does an accepted installation.
class OfflineStore {
 public:
  virtual ~OfflineStore() = default;

  // Every queue is due.
  virtual Status MakeOfflineReadsDue(TimePoint now) = 0;
  // The active portal whose queue is due longest; none when none is. It is due again at `next`,
  // or sooner when an event says so.
  virtual Result<std::optional<PortalAccess>> BeginOfflineRead(TimePoint now, TimePoint next) = 0;
  virtual Status EndOfflineRead(PortalId portal, const OfflineRead& read, TimePoint now) = 0;

  virtual Result<OfflineQueueState> FindOfflineQueue(PortalId portal) = 0;
  virtual Status SetOfflineExtended(PortalId portal, bool extended, TimePoint now) = 0;
};

// An event that says a queue has something has it read after a moment, in which what is posted
// mostly arrives by itself, and not more often than every few seconds.
inline constexpr std::int64_t kOfflineDelaySeconds = 2;
inline constexpr std::int64_t kOfflinePauseSeconds = 5;
// How long what was taken from a queue is known again when it is posted too. The documentation
// knows no repeats; a note in the vendor's SDK speaks of 24 hours (b24jssdk#84).
inline constexpr std::int64_t kLikenessKeptSeconds = 3 * 24 * 3600;

}  // namespace imrelay
