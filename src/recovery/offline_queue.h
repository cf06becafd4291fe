#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "bitrix24/offline_methods.h"
#include "ingest/ingest.h"
#include "install/portal_api.h"
#include "store/offline_store.h"

namespace imrelay {

// Reads the offline queues of the portals: what was posted and never arrived is there too. An event
// is on disk before it is taken out of the queue, so a crash repeats and loses nothing; what was
// posted as well is known again (see Likeness).
// On every plan: list, commit, and take out what was listed. With rest_offline_extended: reserve,
// commit, clear. What a crash left reserved, list finds.
// One step is at most once by its nature and is left so: an event that is queued again with the
// same content between list and get, and whose get is lost, is the same event with a later time.
// Not thread-safe but for Stop; one process at a time.
class OfflineQueue {
 public:
  OfflineQueue(OfflineStore& store, Ingest& ingest, PortalApi& api, const Clock& clock);

  // Reads the queue that is due longest, up to kMostOfflineEvents of it, and logs what begins to
  // fail. The first call has all of them due. Returns whether one was due.
  // Errors: the store's.
  Result<bool> ReadOne();

  // Has a read end after the call it is at. From any thread.
  void Stop() { stopping_ = true; }

 private:
  // One read of one queue.
  struct Reading {
    PortalAccess portal;
    std::size_t taken = 0;  // events on disk and out of the queue
    std::int64_t waiting = 0;
    std::set<std::int64_t> skipped = {};  // events that nobody can read; they stay
  };
  // What ended a reading before its end: a word for people. Empty: nothing did.
  using Problem = std::string;

  Result<Problem> Read(Reading& reading);
  Result<Problem> ReadByList(Reading& reading, bool reserved_only);
  Result<Problem> ReadByReserving(Reading& reading);
  Problem List(Reading& reading, bool reserved_only, std::vector<OfflineEvent>& events);
  Result<Problem> Remove(Reading& reading, const std::vector<OfflineEvent>& events);
  Result<Problem> Clear(Reading& reading, const std::string& process_id,
                        const std::vector<std::int64_t>& ids);
  Result<Problem> TakeOut(Reading& reading, const std::vector<OfflineEvent>& events);
  // Commits them in the order they were written down.
  Status Commit(const Reading& reading, std::vector<OfflineEvent> events);
  Result<bool> IsExtended(const Reading& reading);
  CallResult Send(const Reading& reading, const Call& call);
  Status End(const Reading& reading, const Problem& problem);

  OfflineStore& store_;
  Ingest& ingest_;
  PortalApi& api_;
  const Clock& clock_;
  std::atomic<bool> stopping_ = false;
  bool begun_ = false;
  // Whose queue was read to its end by this process: nothing of it is left reserved.
  std::set<PortalId> clean_;
  std::map<PortalId, int> failures_;
};

// What says that a queue has something may be lost like any event.
inline constexpr std::chrono::minutes kOfflineEvery{10};
// Whether the plan has rest_offline_extended is asked again.
inline constexpr std::chrono::hours kExtendedKnownFor{24};
// Short: confirmations go before.
inline constexpr std::chrono::seconds kOfflinePatience{2};
// Of one read, so that one portal does not keep the others waiting.
inline constexpr std::size_t kMostOfflineEvents = 250;

}  // namespace imrelay
