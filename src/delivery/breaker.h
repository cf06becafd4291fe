#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/clock.h"
#include "store/outbox.h"

namespace imrelay {

// Whether a channel's endpoint may be called: after kOpensAfter faults in a row over kOpensOver at
// least, without one answer in between, it is open and only one delivery at a time tries, after
// 5 s, 10 s … 5 min; what is answered closes it. Off: nothing, until somebody turns it on.
// Plain logic on the times it is told; not thread-safe.
class Breaker {
 public:
  Breaker(std::string name, std::string fingerprint);

  enum class Passes { kAll, kOne, kNone };
  // kOne: the delivery that is sent is the probe. It is taken first, by a write of Unsaved() that
  // another process may have come before; then Probing() says that it is sent.
  Passes At(TimePoint now) const;
  void TakeProbe(TimePoint now);
  void Probing() { probing_ = true; }

  // What a delivery met. `probe`: it was sent as one. What was under way when the endpoint was
  // closed to others says nothing new when it fails.
  void Answered(TimePoint now);
  void Failed(TimePoint now, const std::string& reason, bool probe);
  void TurnedOff(TimePoint now, const std::string& reason);

  // What the database remembers; nullptr: nothing. What another process or a person wrote since
  // counts, what this one wrote is known.
  void Learn(const EndpointState* remembered);
  // What is to be written, and over what. Saved: it was.
  std::optional<EndpointState> Unsaved() const;
  const EndpointState& remembered() const { return remembered_; }
  void Saved() { remembered_ = state_; }

  const EndpointState& state() const { return state_; }

  static constexpr int kOpensAfter = 10;
  static constexpr std::chrono::seconds kOpensOver{5};

 private:
  void ProbeAfter(TimePoint now, int probes);
  void Become(EndpointState::State state, TimePoint now, const std::string& reason);

  EndpointState state_;       // its count of failures in a row is remembered when it is open
  EndpointState remembered_;  // as the database has it, as far as is known
  std::optional<TimePoint> failing_since_;
  bool probing_ = false;
};

}  // namespace imrelay
