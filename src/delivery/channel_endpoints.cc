#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "base/log.h"
#include "delivery/channel_rounds.h"
#include "delivery/verdicts.h"

// What a round knows of the channels' endpoints.
namespace imrelay {
namespace {

constexpr std::chrono::seconds kEndpointPause{1};

std::string NameOf(const ChannelEntry& entry) {
  return entry.name.empty() ? "default" : entry.name;
}

}  // namespace

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
  LogChange(*sending.lane, before);
}

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
    lane->probe = *taken;
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

}  // namespace imrelay
