#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "delivery/bell.h"
#include "delivery/breaker.h"
#include "delivery/channel_directory.h"
#include "delivery/channel_sender.h"
#include "delivery/turns.h"
#include "delivery/verdicts.h"
#include "store/outbox.h"

namespace imrelay {

// What ChannelSender's thread does, one round at a time. Not thread-safe; only the answers come
// from other threads.
class ChannelRounds {
 public:
  // Keeps references. An answer rings `bell`.
  ChannelRounds(Outbox& outbox, const ChannelDirectory& channels, LeaseHolder holder,
                const Clock& clock, SenderLimits limits, std::shared_ptr<Bell> bell);

  // Records the answers that came, takes up what there is room for, and hands it to the channels.
  // What answers while the store works makes room for what was taken ahead. Returns when to come
  // again if nothing rings. Errors: the store's; what could not be recorded is kept for the next
  // round.
  Result<std::chrono::milliseconds> Round();

  // From now on nothing is taken up.
  void StopTaking() { taking_ = false; }
  // Everything that was taken up is recorded.
  bool IsIdle() const;

 private:
  // Taken ahead, and leased already.
  struct Held {
    Delivery delivery;
    TimePoint since;
  };
  // A channel, and what of it is under way.
  struct Lane {
    const ChannelEntry* entry;
    Breaker breaker;
    Turns turns;
    int under_way = 0;
    int asked = 0;  // of turns under way
    int ahead = 0;  // how many to take ahead: none of a channel that is not quick
    std::deque<Held> held;
    bool probe = false;  // what is handed on next is one, and it was taken
  };
  struct Sending {
    Delivery delivery;
    Lane* lane;
    bool probe = false;
    std::optional<Settlement> refused;  // what counts when the edit in its place is refused
  };
  // Answers of channels, which may come after the sender's end.
  struct Inbox {
    std::mutex mutex;
    std::vector<std::pair<DeliveryId, ChannelAnswer>> answers;
    std::shared_ptr<Bell> bell;
    Bell in_turn;  // rings for answers and for the end of a turn
  };
  // What is ready, by channel.
  struct Ready {
    std::vector<Ask> asks;
    std::map<QueueId, Lane*> lanes;  // null: no channel will ever be asked
    std::optional<TimePoint> next;   // when something will be due

    void CountAsked(int sign);
  };
  // A turn of the store under way.
  struct Turn {
    std::vector<Settlement> settled;
    std::vector<std::string> kinds;  // of settled
    Ready ready;
    std::optional<Result<std::vector<Delivery>>> taken;  // guarded by Inbox::mutex
  };

  void TakeAnswers();
  void Take(Sending& sending, const ChannelAnswer& answer);
  void Note(Sending& sending, const ChannelAnswer& answer);
  Status LookAtEndpoints();
  Status SaveEndpoints();
  Result<bool> Save(Lane& lane, const EndpointState& state);
  Status TakeProbes(Ready& ready, TimePoint now);
  void LogChange(const Lane& lane, EndpointState::State before) const;
  int Room(const Lane& lane, TimePoint now) const;
  int RoomAhead(const Lane& lane, TimePoint now) const;
  Result<Ready> FindAsks(TimePoint now);
  Result<Ready> FindReady(TimePoint now);
  void StartTurn(Ready ready, TimePoint now);
  Result<bool> FinishTurns();
  Result<bool> EndTurn();
  void HandHeld();
  void GiveBack(Lane& lane, TimePoint now);
  void Cancel(const Delivery& delivery);
  void Hand(Delivery delivery, Lane& lane, TimePoint now);
  void Send(Sending& sending, bool as_edit);
  std::chrono::milliseconds Pause(std::optional<TimePoint> next, bool took, TimePoint now) const;

  Outbox& outbox_;
  const ChannelDirectory& channels_;
  const LeaseHolder holder_;
  const Clock& clock_;
  const SenderLimits limits_;
  int room_a_channel_ = 1;
  std::shared_ptr<Inbox> inbox_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::unordered_map<std::int64_t, Sending> under_way_;
  std::deque<std::shared_ptr<Turn>> turns_;
  std::vector<Settlement> unsettled_;
  std::vector<std::string> unsettled_kinds_;  // of unsettled_, for the metrics
  std::size_t first_lane_ = 0;                // whose turn it is to be given places first
  TimePoint looked_;                          // at the endpoints
  bool taking_ = true;
};

}  // namespace imrelay
