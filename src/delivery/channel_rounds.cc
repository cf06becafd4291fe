#include "delivery/channel_rounds.h"

#include <algorithm>
#include <string>

#include "base/failpoint.h"
#include "base/log.h"
#include "delivery/settled_counts.h"

namespace imrelay {
namespace {

using std::chrono::milliseconds;

// How often it looks for what other processes committed.
constexpr milliseconds kLookPause{250};
// A channel that answers within that is quick. Of a quick one more is taken up than there is room
// for, so that it need not wait while the store works.
constexpr milliseconds kQuick{20};
constexpr int kAheadPerPlace = 4;
// The writer begins one turn when it ends another, if both are worth their commit.
constexpr std::size_t kTurnsAtOnce = 2;
constexpr std::size_t kWorthATurn = 32;
// What was taken ahead is given back after that. Its lease has to last for sending.
constexpr milliseconds kLongestHeld{1000};
static_assert(kLongestHeld + kLongestSend < kLeaseTime);

}  // namespace

ChannelRounds::ChannelRounds(Outbox& outbox, const ChannelDirectory& channels, LeaseHolder holder,
                             const Clock& clock, SenderLimits limits, std::shared_ptr<Bell> bell)
    : outbox_(outbox),
      channels_(channels),
      holder_(holder),
      clock_(clock),
      limits_(limits),
      inbox_(std::make_shared<Inbox>()) {
  inbox_->bell = std::move(bell);
  for (const ChannelEntry& entry : channels.entries()) {
    lanes_.push_back(std::make_unique<Lane>(
        Lane{&entry, Breaker(entry.name, entry.fingerprint), {}, 0, 0, 0, {}}));
  }
  // Were all of them slow, none would be left without room.
  const int share = limits.under_way / std::max(1, static_cast<int>(lanes_.size()));
  room_a_channel_ = std::clamp(share, 1, limits.under_way_a_channel);
}

Result<milliseconds> ChannelRounds::Round() {
  TakeAnswers();
  const TimePoint now = clock_.Now();
  if (Status looked = LookAtEndpoints(); !looked) return Fail(std::move(looked).error());
  if (Status saved = SaveEndpoints(); !saved) return Fail(std::move(saved).error());
  HandHeld();
  Result<Ready> ready = FindAsks(now);
  if (!ready) return Fail(std::move(ready).error());
  if (unsettled_.empty() && ready->asks.empty()) return Pause(ready->next, false, now);
  const std::optional<TimePoint> next = ready->next;
  StartTurn(*std::move(ready), now);
  Result<bool> took = FinishTurns();
  if (!took) return Fail(std::move(took).error());
  return Pause(next, *took, now);
}

bool ChannelRounds::IsIdle() const {
  return under_way_.empty() && unsettled_.empty() &&
         std::all_of(lanes_.begin(), lanes_.end(),
                     [](const auto& lane) { return lane->held.empty(); });
}

// --- turns of the store

void ChannelRounds::StartTurn(Ready ready, TimePoint now) {
  const auto turn = std::make_shared<Turn>();
  turn->settled = std::exchange(unsettled_, {});
  turn->kinds = std::exchange(unsettled_kinds_, {});
  turn->ready = std::move(ready);
  turn->ready.CountAsked(1);
  turns_.push_back(turn);
  outbox_.StartTurn(turn->settled, Target::kChannel, turn->ready.asks, holder_, now,
                    [inbox = inbox_, turn](Result<std::vector<Delivery>> taken) {
                      {
                        const std::lock_guard lock(inbox->mutex);
                        turn->taken = std::move(taken);
                      }
                      inbox->in_turn.Ring();
                    });
}

// Waits for the store, and serves the channels meanwhile. While much is answered, the store always
// has a turn to begin when it ends one. Returns whether anything was taken.
Result<bool> ChannelRounds::FinishTurns() {
  const auto end = std::chrono::steady_clock::now() + kLookPause;
  bool took = false;
  Status done;
  while (!turns_.empty()) {
    if (Result<bool> ended = EndTurn(); !ended) {
      done = Fail(std::move(ended).error());
    } else if (*ended) {
      took = true;
    }
    TakeAnswers();
    HandHeld();
    if (turns_.empty()) break;
    const bool more = done && unsettled_.size() >= kWorthATurn && turns_.size() < kTurnsAtOnce &&
                      std::chrono::steady_clock::now() < end;
    if (more) {
      const TimePoint now = clock_.Now();
      Result<Ready> ready = FindAsks(now);
      if (ready) {
        StartTurn(*std::move(ready), now);
        continue;
      }
      done = Fail(std::move(ready).error());
    }
    inbox_->in_turn.Wait(kLookPause);
  }
  if (!done) return Fail(std::move(done).error());
  return took;
}

// Ends the oldest turn if it is done. Returns whether it took anything.
Result<bool> ChannelRounds::EndTurn() {
  const std::shared_ptr<Turn> turn = turns_.front();
  {
    const std::lock_guard lock(inbox_->mutex);
    if (!turn->taken) return false;
  }
  turns_.pop_front();
  inbox_->in_turn.Ring();  // the next one may be done too
  turn->ready.CountAsked(-1);
  if (!*turn->taken) {
    unsettled_.insert(unsettled_.begin(), turn->settled.begin(), turn->settled.end());
    unsettled_kinds_.insert(unsettled_kinds_.begin(), turn->kinds.begin(), turn->kinds.end());
    return Fail(std::move(*turn->taken).error());
  }
  for (std::size_t i = 0; i < turn->settled.size(); ++i) {
    CountSettled("channel", turn->kinds[i], turn->settled[i]);
  }
  if (!(*turn->taken)->empty()) Failpoint("delivery.channel_leased");
  const TimePoint since = clock_.Now();
  for (Delivery& delivery : **turn->taken) {
    const auto lane = turn->ready.lanes.find(delivery.queue);
    if (lane == turn->ready.lanes.end()) continue;
    if (lane->second == nullptr) {
      Cancel(delivery);
    } else {
      lane->second->held.push_back({std::move(delivery), since});
    }
  }
  return !(*turn->taken)->empty();
}

// --- answers

void ChannelRounds::TakeAnswers() {
  while (true) {
    std::vector<std::pair<DeliveryId, ChannelAnswer>> answers;
    {
      const std::lock_guard lock(inbox_->mutex);
      answers.swap(inbox_->answers);
    }
    if (answers.empty()) return;
    Failpoint("delivery.channel_answered");
    for (const auto& [id, answer] : answers) {
      const auto sending = under_way_.find(id.value());
      if (sending != under_way_.end()) Take(sending->second, answer);
    }
  }
}

void ChannelRounds::Take(Sending& sending, const ChannelAnswer& answer) {
  const Delivery& delivery = sending.delivery;
  const DeletionPolicy& policy = sending.lane->entry->policy;
  Settlement settlement = SettlementOf(delivery, answer, policy, clock_.Now());
  if (!sending.refused && WantsEdit(delivery, answer, policy)) {
    sending.refused = std::move(settlement);
    Send(sending, true);
    return;
  }
  Note(sending, answer);
  Lane& lane = *sending.lane;
  const bool quick =
      answer.reached && answer.kind != ChannelAnswer::Kind::kLater && answer.attempt.took <= kQuick;
  lane.ahead = quick ? std::min(lane.ahead + 2, kAheadPerPlace * room_a_channel_) : 0;
  const bool comes_again = settlement.verdict == Settlement::Verdict::kLater;
  const bool worked = settlement.verdict == Settlement::Verdict::kDone ||
                      settlement.verdict == Settlement::Verdict::kGone;
  if (sending.refused) {
    Settlement& refused = *sending.refused;
    if (refused.attempt) {
      settlement.besides.insert(settlement.besides.begin(),
                                {*std::move(refused.attempt), WordOf(refused.verdict)});
    }
    if (!worked && !comes_again) {
      // Both were tried; what was said of the deletion itself is its end.
      refused.attempt = std::move(settlement.attempt);
      refused.besides = std::move(settlement.besides);
      settlement = std::move(refused);
    }
  }
  unsettled_.push_back(std::move(settlement));
  unsettled_kinds_.push_back(delivery.kind);
  --lane.under_way;
  under_way_.erase(delivery.id.value());
}

// --- taking up

int ChannelRounds::Room(const Lane& lane, TimePoint now) const {
  switch (lane.breaker.At(now)) {
    case Breaker::Passes::kAll:
      return room_a_channel_ - lane.under_way;
    case Breaker::Passes::kOne:
      return 1;
    case Breaker::Passes::kNone:
      return 0;
  }
  return 0;
}

int ChannelRounds::RoomAhead(const Lane& lane, TimePoint now) const {
  const int ahead = lane.breaker.At(now) == Breaker::Passes::kAll ? lane.ahead : 0;
  return ahead - lane.asked - static_cast<int>(lane.held.size());
}

void ChannelRounds::Ready::CountAsked(int sign) {
  for (const Ask& ask : asks) {
    if (Lane* const lane = lanes[ask.queue]) lane->asked += sign * ask.most;
  }
}

Result<ChannelRounds::Ready> ChannelRounds::FindAsks(TimePoint now) {
  Result<Ready> ready = FindReady(now);
  if (!ready) return ready;
  if (Status took = TakeProbes(*ready, now); !took) return Fail(std::move(took).error());
  return ready;
}

Result<ChannelRounds::Ready> ChannelRounds::FindReady(TimePoint now) {
  Ready ready;
  int places = limits_.under_way - static_cast<int>(under_way_.size());
  const bool room = std::any_of(lanes_.begin(), lanes_.end(), [&](const auto& lane) {
    return std::min(places, Room(*lane, now)) + RoomAhead(*lane, now) > 0;
  });
  if (!taking_ || !room) return ready;
  Result<std::vector<ReadyQueue>> found = outbox_.FindReady(Target::kChannel);
  if (!found) return Fail(std::move(found).error());
  std::sort(found->begin(), found->end(),
            [](const ReadyQueue& a, const ReadyQueue& b) { return a.id < b.id; });
  std::map<const ChannelEntry*, std::vector<QueueId>> due;
  for (const ReadyQueue& queue : *found) {
    const ChannelEntry* entry = channels_.Find(queue.member_id, queue.connector, queue.line);
    if (entry == nullptr) {
      // It waits until there is a channel for it; what belongs to no line has none to wait for
      // where the lines have their own.
      if (queue.line != LineId() || lanes_.empty() || queue.due > now) continue;
      ready.asks.push_back({queue.id, 1});
      ready.lanes[queue.id] = nullptr;
      continue;
    }
    if (queue.due <= now) {
      due[entry].push_back(queue.id);
    } else {
      ready.next = std::min(ready.next.value_or(queue.due), queue.due);
    }
  }
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    Lane& lane = *lanes_[(first_lane_ + i) % lanes_.size()];
    int now_free = std::min(places, Room(lane, now));
    const int most = now_free + RoomAhead(lane, now);
    for (const Ask& ask : lane.turns.Share(due[lane.entry], most)) {
      places -= std::min(now_free, ask.most);
      now_free -= std::min(now_free, ask.most);
      ready.asks.push_back(ask);
      ready.lanes[ask.queue] = &lane;
    }
  }
  if (!lanes_.empty()) first_lane_ = (first_lane_ + 1) % lanes_.size();
  return ready;
}

// Hands on what was taken, as far as there is room, and gives back what would wait too long.
void ChannelRounds::HandHeld() {
  const TimePoint now = clock_.Now();
  for (const auto& lane : lanes_) {
    if (lane->held.empty()) continue;
    const TimePoint since = lane->held.front().since;
    if (!taking_ || now < since || now - since > kLongestHeld) GiveBack(*lane, now);
    while (!lane->held.empty() && (lane->probe || Room(*lane, now) > 0) &&
           static_cast<int>(under_way_.size()) < limits_.under_way) {
      Delivery delivery = std::move(lane->held.front().delivery);
      lane->held.pop_front();
      Hand(std::move(delivery), *lane, now);
    }
    if (lane->breaker.At(now) != Breaker::Passes::kAll) GiveBack(*lane, now);
  }
}

void ChannelRounds::GiveBack(Lane& lane, TimePoint now) {
  lane.ahead = 0;
  for (Held& held : lane.held) {
    Settlement settlement;
    settlement.id = held.delivery.id;
    settlement.verdict = Settlement::Verdict::kLater;
    settlement.due = now;
    unsettled_.push_back(std::move(settlement));
    unsettled_kinds_.push_back(std::move(held.delivery.kind));
  }
  lane.held.clear();
}

void ChannelRounds::Cancel(const Delivery& delivery) {
  Settlement settlement;
  settlement.id = delivery.id;
  settlement.verdict = Settlement::Verdict::kCancelled;
  settlement.reason = "no channel is configured for it";
  unsettled_.push_back(std::move(settlement));
  unsettled_kinds_.push_back(delivery.kind);
}

void ChannelRounds::Hand(Delivery delivery, Lane& lane, TimePoint now) {
  // Its lease ran out while it was under way: the answer that is awaited settles it.
  if (under_way_.contains(delivery.id.value())) return;
  const ChannelEntry& entry = *lane.entry;
  Decision decision = Decide(delivery, entry.policy, entry.channel->delete_limit(), now);
  if (decision.step == Decision::Step::kSettle) {
    unsettled_.push_back(std::move(decision.settlement));
    unsettled_kinds_.push_back(std::move(delivery.kind));
    return;
  }
  const std::int64_t id = delivery.id.value();
  const bool as_edit = decision.step == Decision::Step::kSendRemovalAsEdit;
  Sending sending{std::move(delivery), &lane, false, {}};
  if (as_edit) sending.refused = std::move(decision.settlement);
  sending.probe = lane.breaker.state().state == EndpointState::State::kOpen;
  if (sending.probe) lane.breaker.Probing();
  lane.probe = false;
  ++lane.under_way;
  Send(under_way_.emplace(id, std::move(sending)).first->second, as_edit);
}

void ChannelRounds::Send(Sending& sending, bool as_edit) {
  const auto answered = [inbox = inbox_, id = sending.delivery.id](ChannelAnswer answer) {
    {
      const std::lock_guard lock(inbox->mutex);
      inbox->answers.emplace_back(id, std::move(answer));
    }
    inbox->in_turn.Ring();
    inbox->bell->Ring();
  };
  Channel& channel = *sending.lane->entry->channel;
  if (as_edit) {
    channel.SendRemovalAsEdit(sending.delivery, answered);
  } else {
    channel.Send(sending.delivery, answered);
  }
}

milliseconds ChannelRounds::Pause(std::optional<TimePoint> next, bool took, TimePoint now) const {
  // What was decided without asking is recorded at once, and there may be more of what was taken.
  if (!unsettled_.empty() || took) return milliseconds(0);
  milliseconds pause = kLookPause;
  if (next) pause = std::min(pause, *next - now);
  for (const auto& lane : lanes_) {
    const EndpointState& state = lane->breaker.state();
    if (state.state != EndpointState::State::kOpen) continue;
    if (state.probe_at > now) pause = std::min(pause, state.probe_at - now);
  }
  return std::max(pause, milliseconds(1));
}

}  // namespace imrelay
