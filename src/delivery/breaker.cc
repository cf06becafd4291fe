#include "delivery/breaker.h"

#include <algorithm>
#include <utility>

namespace imrelay {
namespace {

using State = EndpointState::State;

constexpr std::chrono::seconds kFirstProbe{5};
constexpr std::chrono::minutes kLongestProbe{5};

// After `probes` that failed.
std::chrono::milliseconds ProbePause(int probes) {
  std::chrono::milliseconds pause = kFirstProbe;
  for (int i = 0; i < probes && pause < kLongestProbe; ++i) pause *= 2;
  return std::min<std::chrono::milliseconds>(pause, kLongestProbe);
}

bool IsSame(const EndpointState& a, const EndpointState& b) {
  return a.state == b.state && a.since == b.since && a.probe_at == b.probe_at;
}

}  // namespace

Breaker::Breaker(std::string name, std::string fingerprint) {
  state_.name = std::move(name);
  state_.fingerprint = std::move(fingerprint);
  remembered_ = state_;
}

Breaker::Passes Breaker::At(TimePoint now) const {
  if (state_.state == State::kClosed) return Passes::kAll;
  if (state_.state == State::kOff || probing_) return Passes::kNone;
  // A probe further away is of a clock that was ahead.
  if (now < state_.probe_at && state_.probe_at - now <= kLongestProbe) return Passes::kNone;
  return Passes::kOne;
}

void Breaker::TakeProbe(TimePoint now) { ProbeAfter(now, state_.failures - kOpensAfter); }

void Breaker::ProbeAfter(TimePoint now, int probes) {
  // As it is kept.
  state_.probe_at = std::chrono::floor<std::chrono::milliseconds>(now) + ProbePause(probes);
}

void Breaker::Become(State state, TimePoint now, const std::string& reason) {
  state_.state = state;
  state_.since = std::chrono::floor<std::chrono::seconds>(now);  // as it is kept
  state_.reason = reason;
  state_.probe_at = TimePoint();
  failing_since_.reset();
  probing_ = false;
}

void Breaker::Answered(TimePoint now) {
  state_.failures = 0;
  failing_since_.reset();
  // An endpoint that is off was so by its own word; an answer from before does not turn it on.
  if (state_.state == State::kOpen) Become(State::kClosed, now, {});
}

void Breaker::Failed(TimePoint now, const std::string& reason, bool probe) {
  if (state_.state == State::kClosed) {
    if (!failing_since_) failing_since_ = now;
    ++state_.failures;
    if (state_.failures < kOpensAfter || now - *failing_since_ < kOpensOver) return;
    Become(State::kOpen, now, reason);
    state_.failures = kOpensAfter;
  } else if (state_.state == State::kOpen && probe) {
    probing_ = false;
    ++state_.failures;
    state_.reason = reason;
  } else {
    return;
  }
  ProbeAfter(now, state_.failures - kOpensAfter);
}

void Breaker::TurnedOff(TimePoint now, const std::string& reason) {
  if (state_.state == State::kOff) return;
  state_.failures = 0;
  Become(State::kOff, now, reason);
}

void Breaker::Learn(const EndpointState* remembered) {
  EndpointState now = state_;
  if (remembered != nullptr && remembered->fingerprint == state_.fingerprint) {
    now = *remembered;
  } else {
    now.state = State::kClosed;
    now.since = now.probe_at = TimePoint();
    now.reason.clear();
    now.failures = 0;
  }
  if (IsSame(now, remembered_)) return;
  state_ = now;
  remembered_ = std::move(now);
  failing_since_.reset();
  probing_ = false;
}

std::optional<EndpointState> Breaker::Unsaved() const {
  if (IsSame(state_, remembered_)) return std::nullopt;
  return state_;
}

}  // namespace imrelay
