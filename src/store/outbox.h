#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/await.h"
#include "base/clock.h"
#include "base/result.h"
#include "domain/delivery.h"
#include "domain/ids.h"

namespace imrelay {

// A queue that has something to send.
struct ReadyQueue {
  QueueId id;
  PortalId portal;
  MemberId member_id;
  ConnectorId connector;  // empty for what belongs to no line
  LineId line;
  TimePoint due;  // of what is due first; may be in the future
};

// How many of a queue to take up.
struct Ask {
  QueueId queue;
  int most = 1;
};

// Who holds leases: a process, by a number that no other living process has.
using LeaseHolder = std::int64_t;

// How long a lease holds: longer than any attempt may take. An errand to a portal takes up to 5 s
// and the call it is at then, which may wait 25 s for a token that another process renews, 10 s for
// the authorization server and 5 s for the portal, and all that three times: the token may be
// refused, and the portal may have moved.
inline constexpr std::chrono::seconds kLeaseTime{60};         // Target::kChannel
inline constexpr std::chrono::seconds kPortalLeaseTime{180};  // the others
constexpr std::chrono::seconds LeaseTimeOf(Target target) {
  return target == Target::kChannel ? kLeaseTime : kPortalLeaseTime;
}

// What of a channel's address has to be remembered. A channel that was never in trouble has no row.
struct EndpointState {
  enum class State { kClosed, kOpen, kOff };
  std::string name;         // the channel's; "" is the unnamed one's
  std::string fingerprint;  // of the address; what is remembered of another one does not count
  State state = State::kClosed;
  int failures = 0;    // in a row
  TimePoint since;     // of the state
  TimePoint probe_at;  // kOpen: when one delivery may be tried
  std::string reason;  // a short sentence
};

// The word for a state, as people see it and the database keeps it.
inline const char* WordOf(EndpointState::State state) {
  switch (state) {
    case EndpointState::State::kClosed:
      return "closed";
    case EndpointState::State::kOpen:
      return "open";
    case EndpointState::State::kOff:
      break;
  }
  return "off";
}

// The queue of what is to be sent, and the mapping's part of it. At most the oldest open delivery
// of an external chat and target is ready at a time; the schema keeps it so. As Store: durable,
// thread-safe, several processes, kUnavailable when the database is away, and then nothing changed.
class Outbox {
 public:
  virtual ~Outbox() = default;

  // Calls `queued` after each commit that may have made something ready, on the writer's thread: it
  // must be quick and must not call the store. What other processes commit is not told. Set once,
  // before anything else; null ends it and returns when no call is under way.
  virtual void OnQueued(std::function<void()> queued) = 0;

  // Every queue of the target with something pending that is the first of its chat.
  virtual Result<std::vector<ReadyQueue>> FindReady(Target target) = 0;

  // Records what became of deliveries, and takes up others of `target` that are due, oldest first,
  // in one commit. A settled delivery that has meanwhile ended is left alone; one that another
  // holder took over is settled only by what is final.
  // A done message.created names its ids in the mapping and queues its confirmation; when it was
  // deleted meanwhile, its deletion goes on with the ids, or ends as `cancelled` when nothing was
  // sent. Leases that ran out are taken up like what is pending.
  // Returns at once; `taken` is called once, on the calling or the writer's thread, and must be
  // quick and must not call the store.
  using Taken = std::function<void(Result<std::vector<Delivery>>)>;
  virtual void StartTurn(std::vector<Settlement> settled, Target target, std::vector<Ask> asks,
                         LeaseHolder holder, TimePoint now, Taken taken) = 0;

  // The same, and waits for it.
  Result<std::vector<Delivery>> Turn(const std::vector<Settlement>& settled, Target target,
                                     const std::vector<Ask>& asks, LeaseHolder holder,
                                     TimePoint now) {
    return Await<Result<std::vector<Delivery>>>(
        [&](Taken taken) { StartTurn(settled, target, asks, holder, now, std::move(taken)); });
  }

  // Makes what `holder` held pending again: the process that had the number is gone.
  virtual Status ReleaseLeases(LeaseHolder holder) = 0;

  virtual Result<std::vector<EndpointState>> Endpoints() = 0;
  virtual Status SetEndpoint(const EndpointState& state) = 0;
  // The same where the row still is as `known` in its state, its `since` and its `probe_at`, or is
  // of another address, or is not there. Says whether it was written; else another process or a
  // person was first.
  virtual Result<bool> ReplaceEndpoint(const EndpointState& known, const EndpointState& state) = 0;
};

}  // namespace imrelay
