#include "delivery/breaker.h"

#include <doctest/doctest.h>

#include "tests/fakes/fake_clock.h"

namespace imrelay {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using Passes = Breaker::Passes;
using State = EndpointState::State;

const FakeClock kClock;
const TimePoint kStart = kClock.Now();

Breaker New() { return {"shop", "f1"}; }

// Open since kStart + 9 s.
Breaker Open() {
  Breaker breaker = New();
  for (int i = 0; i < 10; ++i) breaker.Failed(kStart + seconds(i), "no answer", false);
  return breaker;
}

TEST_CASE("breaker: opens after ten faults in a row over five seconds, not before") {
  Breaker breaker = New();
  for (int i = 0; i < 9; ++i) breaker.Failed(kStart + seconds(i), "no answer", false);
  CHECK(breaker.At(kStart + seconds(9)) == Passes::kAll);

  breaker.Failed(kStart + seconds(9), "no answer", false);

  CHECK(breaker.state().state == State::kOpen);
  CHECK(breaker.state().reason == "no answer");
  CHECK(breaker.At(kStart + seconds(9)) == Passes::kNone);
}

TEST_CASE("breaker: a clock that goes back does not put a probe off") {
  const Breaker breaker = Open();

  CHECK(breaker.At(kStart + seconds(9)) == Passes::kNone);
  CHECK(breaker.At(kStart - std::chrono::hours(3)) == Passes::kOne);
}

TEST_CASE("breaker: many faults of one moment do not open it") {
  Breaker breaker = New();
  for (int i = 0; i < 100; ++i) breaker.Failed(kStart, "no answer", false);
  CHECK(breaker.At(kStart) == Passes::kAll);

  breaker.Failed(kStart + seconds(5), "no answer", false);

  CHECK(breaker.At(kStart + seconds(5)) == Passes::kNone);
}

TEST_CASE("breaker: one answer in between begins the count anew") {
  Breaker breaker = New();
  for (int i = 0; i < 9; ++i) breaker.Failed(kStart + seconds(i), "no answer", false);

  breaker.Answered(kStart + seconds(9));

  for (int i = 10; i < 19; ++i) breaker.Failed(kStart + seconds(i), "no answer", false);
  CHECK(breaker.At(kStart + seconds(20)) == Passes::kAll);
}

TEST_CASE("breaker: probes one at a time, after 5 s, 10 s … 5 min") {
  Breaker breaker = Open();
  TimePoint now = kStart + seconds(9);

  for (const int pause : {5, 10, 20, 40, 80, 160, 300, 300, 300}) {
    CHECK(breaker.At(now + seconds(pause) - milliseconds(1)) == Passes::kNone);
    now += seconds(pause);
    REQUIRE(breaker.At(now) == Passes::kOne);
    breaker.Probing();
    CHECK(breaker.At(now) == Passes::kNone);
    breaker.Failed(now, "no answer", true);
  }
}

TEST_CASE("breaker: a probe is taken before it is sent, and nobody else's meanwhile") {
  Breaker breaker = Open();
  breaker.Saved();
  const TimePoint now = kStart + seconds(60);
  REQUIRE(breaker.At(now) == Passes::kOne);

  breaker.TakeProbe(now);

  CHECK(breaker.At(now) == Passes::kNone);
  REQUIRE(breaker.Unsaved().has_value());
  CHECK(breaker.Unsaved()->probe_at > now);
  CHECK(breaker.remembered().probe_at < now);
}

TEST_CASE("breaker: a probe that is answered closes it") {
  Breaker breaker = Open();
  const TimePoint now = kStart + seconds(20);
  REQUIRE(breaker.At(now) == Passes::kOne);
  breaker.Probing();

  breaker.Answered(now);

  CHECK(breaker.state().state == State::kClosed);
  CHECK(breaker.At(now) == Passes::kAll);
  // And opens no sooner than the first time.
  breaker.Failed(now, "no answer", false);
  CHECK(breaker.At(now) == Passes::kAll);
}

TEST_CASE("breaker: what was under way when it opened does not put probes off") {
  Breaker breaker = Open();
  const TimePoint probe_at = breaker.state().probe_at;

  for (int i = 0; i < 20; ++i) breaker.Failed(kStart + seconds(12), "no answer", false);

  CHECK(breaker.state().probe_at == probe_at);
}

TEST_CASE("breaker: off stays off, whatever is still answered") {
  Breaker breaker = New();
  breaker.TurnedOff(kStart, "410");
  breaker.Answered(kStart + seconds(1));
  breaker.Failed(kStart + seconds(2), "no answer", false);

  CHECK(breaker.state().state == State::kOff);
  CHECK(breaker.At(kStart + minutes(600)) == Passes::kNone);
}

TEST_CASE("breaker: only changes are to be saved") {
  Breaker breaker = New();
  breaker.Failed(kStart, "no answer", false);
  CHECK_FALSE(breaker.Unsaved().has_value());

  breaker.TurnedOff(kStart, "410");
  REQUIRE(breaker.Unsaved().has_value());
  CHECK(breaker.Unsaved()->name == "shop");
  CHECK(breaker.Unsaved()->fingerprint == "f1");
  breaker.Saved();

  CHECK_FALSE(breaker.Unsaved().has_value());
}

TEST_CASE("breaker: learns what another process or a person wrote, and knows its own again") {
  Breaker breaker = Open();
  breaker.Saved();
  const EndpointState own = breaker.state();
  breaker.Probing();

  breaker.Learn(&own);
  CHECK(breaker.At(kStart + minutes(1)) == Passes::kNone);  // the probe is still under way

  EndpointState turned_on = own;
  turned_on.state = State::kClosed;
  turned_on.since = kStart + seconds(30);
  breaker.Learn(&turned_on);

  CHECK(breaker.At(kStart + seconds(31)) == Passes::kAll);
  CHECK_FALSE(breaker.Unsaved().has_value());
}

TEST_CASE("breaker: what is remembered of another address does not count") {
  EndpointState off;
  off.name = "shop";
  off.fingerprint = "f2";
  off.state = State::kOff;
  Breaker breaker = New();

  breaker.Learn(&off);
  CHECK(breaker.At(kStart) == Passes::kAll);

  off.fingerprint = "f1";
  breaker.Learn(&off);
  CHECK(breaker.At(kStart) == Passes::kNone);
}

TEST_CASE("breaker: a state nobody saved yet outlives a look at the database") {
  Breaker breaker = Open();

  breaker.Learn(nullptr);

  CHECK(breaker.state().state == State::kOpen);
}

}  // namespace
}  // namespace imrelay
