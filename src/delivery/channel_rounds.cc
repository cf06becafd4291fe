#include "delivery/channel_rounds.h"

#include <algorithm>
#include <string>

#include "base/log.h"
#include "delivery/settled_counts.h"

namespace imrelay {
namespace {

using std::chrono::milliseconds;

// How often it looks for what other processes committed.
constexpr milliseconds kLookPause{250};
constexpr std::chrono::seconds kEndpointPause{1};
// Longer, and a channel that takes messages again would wait on its own mistake.
constexpr std::chrono::hours kLongestHold{1};

std::string NameOf(const ChannelEntry& entry) {
  return entry.name.empty() ? "default" : entry.name;
}

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
    lanes_.push_back(
        std::make_unique<Lane>(Lane{&entry, Breaker(entry.name, entry.fingerprint), {}}));
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
  Result<Ready> ready = FindReady(now);
  if (!ready) return Fail(std::move(ready).error());
  if (Status took = TakeProbes(*ready, now); !took) return Fail(std::move(took).error());
  if (unsettled_.empty() && ready->asks.empty()) return Pause(*ready, false, now);

  Result<std::vector<Delivery>> taken =
      outbox_.Turn(unsettled_, Target::kChannel, ready->asks, holder_, now);
  if (!taken) return Fail(std::move(taken).error());
  for (std::size_t i = 0; i < unsettled_.size(); ++i) {
    CountSettled("channel", unsettled_kinds_[i], unsettled_[i]);
  }
  unsettled_.clear();
  unsettled_kinds_.clear();
  for (Delivery& delivery : *taken) {
    const auto lane = ready->lanes.find(delivery.queue);
    if (lane == ready->lanes.end()) continue;
    if (lane->second == nullptr) {
      Cancel(delivery);
    } else {
      Hand(std::move(delivery), *lane->second, now);
    }
  }
  return Pause(*ready, !taken->empty(), now);
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
  const bool comes_again = settlement.verdict == Settlement::Verdict::kLater;
  const bool worked = settlement.verdict == Settlement::Verdict::kDone ||
                      settlement.verdict == Settlement::Verdict::kGone;
  if (sending.refused && !worked && !comes_again) {
    // Both were tried; what was said of the deletion itself is its end.
    if (!sending.refused->attempt) sending.refused->attempt = settlement.attempt;
    settlement = *std::move(sending.refused);
  }
  unsettled_.push_back(std::move(settlement));
  unsettled_kinds_.push_back(delivery.kind);
  --sending.lane->under_way;
  under_way_.erase(delivery.id.value());
}

void ChannelRounds::Note(Sending& sending, const ChannelAnswer& answer) {
  Breaker& breaker = sending.lane->breaker;
  const EndpointState::State before = breaker.state().state;
  const TimePoint now = clock_.Now();
  if (answer.kind == ChannelAnswer::Kind::kOff) {
    breaker.TurnedOff(now, answer.reason);
  } else if (IsEndpointFault(answer)) {
    breaker.Failed(now, answer.reason, sending.probe);
  } else {
    breaker.Answered(now);
  }
  if (answer.kind == ChannelAnswer::Kind::kLater && answer.retry_after) {
    // Not of this delivery alone: the others would only be told the same.
    const TimePoint until = now + std::min<milliseconds>(*answer.retry_after, kLongestHold);
    sending.lane->not_before = std::max(sending.lane->not_before, until);
  }
  LogChange(*sending.lane, before);
}

// --- endpoints

Status ChannelRounds::LookAtEndpoints() {
  const TimePoint now = clock_.Now();
  if (now >= looked_ && now - looked_ < kEndpointPause) return {};
  Result<std::vector<EndpointState>> remembered = outbox_.Endpoints();
  if (!remembered) return Fail(std::move(remembered).error());
  looked_ = now;
  for (const auto& lane : lanes_) {
    const auto row =
        std::find_if(remembered->begin(), remembered->end(),
                     [&lane](const EndpointState& one) { return one.name == lane->entry->name; });
    const EndpointState::State before = lane->breaker.state().state;
    lane->breaker.Learn(row == remembered->end() ? nullptr : &*row);
    LogChange(*lane, before);
  }
  return {};
}

Status ChannelRounds::SaveEndpoints() {
  for (const auto& lane : lanes_) {
    const std::optional<EndpointState> unsaved = lane->breaker.Unsaved();
    if (!unsaved) continue;
    Result<bool> saved = Save(*lane, *unsaved);
    if (!saved) return Fail(std::move(saved).error());
  }
  return {};
}

// False: another process or a person was first. What these wrote is learned in the next round.
Result<bool> ChannelRounds::Save(Lane& lane, const EndpointState& state) {
  Result<bool> saved = outbox_.ReplaceEndpoint(lane.breaker.remembered(), state);
  if (!saved) return saved;
  if (*saved) {
    lane.breaker.Saved();
  } else {
    looked_ = TimePoint();
  }
  return saved;
}

// Of all processes one probes a channel: what another one takes is not asked for.
Status ChannelRounds::TakeProbes(Ready& ready, TimePoint now) {
  for (const auto& lane : lanes_) {
    const auto is_of_lane = [&](const Ask& ask) { return ready.lanes[ask.queue] == lane.get(); };
    if (lane->breaker.At(now) != Breaker::Passes::kOne ||
        std::none_of(ready.asks.begin(), ready.asks.end(), is_of_lane)) {
      continue;
    }
    lane->breaker.TakeProbe(now);
    Result<bool> taken = Save(*lane, lane->breaker.state());
    if (!taken) return Fail(std::move(taken).error());
    if (!*taken) std::erase_if(ready.asks, is_of_lane);
  }
  return {};
}

void ChannelRounds::LogChange(const Lane& lane, EndpointState::State before) const {
  const EndpointState& state = lane.breaker.state();
  if (state.state == before) return;
  const std::string name = NameOf(*lane.entry);
  switch (state.state) {
    case EndpointState::State::kClosed:
      Log(LogLevel::kInfo, "channel is called again", {{"channel", name}});
      return;
    case EndpointState::State::kOpen:
      Log(LogLevel::kWarning, "channel fails and is only probed",
          {{"channel", name}, {"because", state.reason}});
      return;
    case EndpointState::State::kOff:
      Log(LogLevel::kError, "channel is off until somebody turns it on",
          {{"channel", name}, {"because", state.reason}});
      return;
  }
}

// --- taking up

int ChannelRounds::Room(const Lane& lane, TimePoint now) const {
  if (now < lane.not_before) return 0;
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

Result<ChannelRounds::Ready> ChannelRounds::FindReady(TimePoint now) {
  Ready ready;
  int places = limits_.under_way - static_cast<int>(under_way_.size());
  const bool room = std::any_of(lanes_.begin(), lanes_.end(),
                                [&](const auto& lane) { return Room(*lane, now) > 0; });
  if (!taking_ || places <= 0 || !room) return ready;
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
  for (std::size_t i = 0; i < lanes_.size() && places > 0; ++i) {
    Lane& lane = *lanes_[(first_lane_ + i) % lanes_.size()];
    for (const Ask& ask : lane.turns.Share(due[lane.entry], std::min(places, Room(lane, now)))) {
      places -= ask.most;
      ready.asks.push_back(ask);
      ready.lanes[ask.queue] = &lane;
    }
  }
  if (!lanes_.empty()) first_lane_ = (first_lane_ + 1) % lanes_.size();
  return ready;
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
  ++lane.under_way;
  Send(under_way_.emplace(id, std::move(sending)).first->second, as_edit);
}

void ChannelRounds::Send(Sending& sending, bool as_edit) {
  const auto answered = [inbox = inbox_, id = sending.delivery.id](ChannelAnswer answer) {
    {
      const std::lock_guard lock(inbox->mutex);
      inbox->answers.emplace_back(id, std::move(answer));
    }
    inbox->bell->Ring();
  };
  Channel& channel = *sending.lane->entry->channel;
  if (as_edit) {
    channel.SendRemovalAsEdit(sending.delivery, answered);
  } else {
    channel.Send(sending.delivery, answered);
  }
}

milliseconds ChannelRounds::Pause(const Ready& ready, bool took, TimePoint now) const {
  // What was decided without asking is recorded at once, and there may be more of what was taken.
  if (!unsettled_.empty() || took) return milliseconds(0);
  milliseconds pause = kLookPause;
  if (ready.next) pause = std::min(pause, *ready.next - now);
  for (const auto& lane : lanes_) {
    if (lane->not_before > now) pause = std::min(pause, lane->not_before - now);
    const EndpointState& state = lane->breaker.state();
    if (state.state != EndpointState::State::kOpen) continue;
    if (state.probe_at > now) pause = std::min(pause, state.probe_at - now);
  }
  return std::max(pause, milliseconds(1));
}

}  // namespace imrelay
