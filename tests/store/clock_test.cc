#include <doctest/doctest.h>

#include "tests/store/outbox_bench.h"

// What was put off by a clock that went back since.

namespace imrelay {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

struct ClockBench : OutboxBench {
  ClockBench() { REQUIRE(Do("m1", Created(1)) == "accepted"); }
  void FailFor(std::chrono::seconds pause) {
    Settlement later = Later(TakeOne());
    later.due = clock.Now() + pause;
    Settle(later);
  }
  // What is not due when the clock has gone back is made so.
  void CheckIsDueAfter(hours back) {
    clock.Advance(-back);
    CHECK(Take().empty());

    CHECK(sqlite().MakeAheadDue(clock.Now()) == false);

    CHECK(Take().size() == 1);
  }
};

TEST_CASE("clock: what was tried before the clock went back is due") {
  ClockBench bench;
  bench.FailFor(seconds(1));
  bench.CheckIsDueAfter(hours(5));
}

TEST_CASE("clock: what was given back untried while the clock was ahead is due") {
  ClockBench bench;
  Settlement later = bench.Later(bench.TakeOne());
  later.attempt.reset();
  bench.clock.Advance(hours(2));
  later.due = bench.clock.Now();
  bench.Settle(later);
  bench.CheckIsDueAfter(hours(2));
}

TEST_CASE("clock: a deletion that waits for its ids goes on waiting") {
  ClockBench bench;
  REQUIRE(RawDatabase(bench.path())
              .Execute("UPDATE delivery SET kind = 'message.deleted', "
                       "due_at_ms = due_at_ms + 3600000 WHERE state = 'pending'"));
  CHECK(bench.sqlite().MakeAheadDue(bench.clock.Now()) == false);
  CHECK(bench.Take().empty());
}

TEST_CASE("clock: what a channel puts off for hours stays so, also once it was tried again") {
  ClockBench bench;
  bench.FailFor(hours(24));
  CHECK(bench.sqlite().MakeAheadDue(bench.clock.Now()) == false);
  CHECK(bench.Take().empty());
  bench.clock.Advance(-hours(5));
  CHECK(bench.sqlite().MakeAheadDue(bench.clock.Now()) == false);
  bench.FailFor(hours(24));

  CHECK(bench.sqlite().MakeAheadDue(bench.clock.Now()) == false);

  CHECK(bench.Take().empty());
}

TEST_CASE("clock: what is due further ahead than anything is put off is due") {
  ClockBench bench;
  REQUIRE(RawDatabase(bench.path())
              .Execute("UPDATE delivery SET due_at_ms = due_at_ms + 48 * 3600000 "
                       "WHERE state = 'pending'"));
  CHECK(bench.Take().empty());

  CHECK(bench.sqlite().MakeAheadDue(bench.clock.Now()) == false);

  CHECK(bench.Take().size() == 1);
}

TEST_CASE("clock: offline queues are read by the clock that is") {
  OutboxBench bench;
  const auto is_due = [&bench] {
    const TimePoint now = bench.clock.Now();
    return bench.sqlite().BeginOfflineRead(now, now + seconds(600))->has_value();
  };
  REQUIRE(is_due());
  bench.clock.Advance(-hours(5));
  REQUIRE_FALSE(is_due());

  CHECK(bench.sqlite().MakeAheadDue(bench.clock.Now()) == false);

  CHECK(is_due());
}

}  // namespace
}  // namespace imrelay
