#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "tests/delivery/portal_rounds_bench.h"

namespace imrelay {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using Verdict = Settlement::Verdict;
using Bench = PortalRoundsBench;
using Seen = Bench::Seen;

TEST_CASE("portal_rounds: what each fault makes of a delivery") {
  struct Case {
    Fault fault;
    const char* word;
    int status;
    Verdict verdict;
    const char* reason;
    int attempts;
    bool maybe_done;
    bool unsent = false;
  };
  const Case cases[] = {
      {Fault::kLater, "no_answer", 0, Verdict::kLater, "because", 1, true},
      {Fault::kLater, "internal_server_error", 500, Verdict::kLater, "because", 1, true},
      {Fault::kLater, "query_limit_exceeded", 503, Verdict::kLater, "because", 1, false},
      {Fault::kLater, "overload_limit", 503, Verdict::kLater, "because", 1, false},
      {Fault::kLater, "rate_limited", 0, Verdict::kLater, "", 0, false, true},
      {Fault::kLater, "no_answer", 0, Verdict::kLater, "", 0, false, true},
      {Fault::kLater, "operation_time_limit", 429, Verdict::kLater, "", 0, false},
      {Fault::kRemoved, "application_not_found", 401, Verdict::kCancelled, "portal_uninstalled", 1,
       false},
      {Fault::kForbidden, "uninstalled", 0, Verdict::kCancelled, "portal_uninstalled", 0, false,
       true},
      {Fault::kForbidden, "token_dead", 0, Verdict::kLater, "because", 0, false, true},
      {Fault::kForbidden, "insufficient_scope", 403, Verdict::kLater, "because", 1, false},
      {Fault::kPermanent, "not_active_line", 400, Verdict::kLater, "because", 1, false},
      {Fault::kPermanent, "error_argument", 400, Verdict::kFailed, "because", 1, false},
  };
  for (const Case& one : cases) {
    CAPTURE(one.word);
    Bench bench;
    const DeliveryId id = bench.Incoming(1, "chat");
    bench.answer = [&](const Seen&) -> CallResult {
      CallError error{one.fault, one.word, "because"};
      error.status = one.status;
      error.unsent = one.unsent;
      return FailCall(error);
    };

    bench.Settle();

    const FakeOutbox::Row row = bench.outbox[id];
    CHECK(row.last->verdict == one.verdict);
    CHECK(row.last->reason == one.reason);
    CHECK(row.delivery.attempts == one.attempts);
    CHECK(row.last->maybe_done == one.maybe_done);
  }
}

TEST_CASE("portal_rounds: a portal that fails is left alone for a while, and no other waits") {
  Bench bench;
  for (int i = 0; i < 10; ++i) bench.Incoming(1, "chat" + std::to_string(i));
  for (int i = 0; i < 10; ++i) bench.Incoming(100, "chat" + std::to_string(i));
  bench.answer = [](const Seen& call) -> CallResult {
    if (call.member_id != "portal1") return Bench::Done();
    return FailCall({Fault::kLater, "no_answer", "nobody listens"});
  };

  bench.Settle();

  const auto calls_to = [&](const std::string& member_id) {
    return std::count_if(bench.seen.begin(), bench.seen.end(),
                         [&](const Seen& call) { return call.member_id == member_id; });
  };
  CHECK(calls_to("portal1") == 1);
  CHECK(calls_to("portal100") == 10);

  bench.answer = [](const Seen&) { return Bench::Done(); };
  bench.clock.Advance(seconds(2));
  bench.Settle();
  CHECK(calls_to("portal1") == 11);
}

TEST_CASE("portal_rounds: a clock that goes back does not keep a portal closed") {
  Bench bench;
  bench.Incoming(1, "chat");
  bench.answer = [](const Seen&) -> CallResult {
    return FailCall({Fault::kLater, "no_answer", "nobody listens"});
  };
  bench.Settle();
  bench.answer = [](const Seen&) { return Bench::Done(); };
  const DeliveryId id = bench.Incoming(1, "another");
  bench.Settle();
  REQUIRE_FALSE(bench.outbox[id].last);

  bench.clock.Advance(-hours(3));
  bench.Settle();

  REQUIRE(bench.outbox[id].last);
  CHECK(bench.outbox[id].last->verdict == Verdict::kDone);
}

TEST_CASE("portal_rounds: a portal's own word when to come again is kept") {
  Bench bench;
  const DeliveryId id = bench.Confirm(1, 1);
  bench.answer = [&](const Seen&) -> CallResult {
    CallError error{Fault::kLater, "query_limit_exceeded", "refused"};
    error.not_before = bench.clock.Now() + seconds(90);
    error.status = 503;
    return FailCall(error);
  };
  bench.Settle();
  CHECK(bench.outbox[id].due == bench.clock.Now() + seconds(90));

  bench.clock.Advance(seconds(89));
  bench.Settle();
  CHECK(bench.seen.size() == 1);
  bench.answer = [](const Seen&) { return Bench::Done(); };
  bench.clock.Advance(seconds(1));
  bench.Settle();

  CHECK(bench.outbox[id].last->verdict == Verdict::kDone);
}

TEST_CASE("portal_rounds: a portal whose tokens are dead is asked seldom, and nothing given up") {
  Bench bench;
  const DeliveryId id = bench.Confirm(1, 1);
  bench.answer = [](const Seen&) -> CallResult {
    CallError error{Fault::kForbidden, "token_dead", "has to be re-opened"};
    error.unsent = true;
    return FailCall(std::move(error));
  };
  for (int i = 0; i < 4 * 60; ++i) {
    bench.Settle();
    bench.clock.Advance(seconds(15));
  }
  CHECK(bench.seen.size() >= 4);
  CHECK(bench.seen.size() <= 20);
  bench.clock.Advance(hours(100));
  bench.Settle();
  CHECK(bench.outbox[id].last->verdict == Verdict::kLater);
  CHECK(bench.outbox[id].last->reason == "has to be re-opened");

  bench.answer = [](const Seen&) { return Bench::Done(); };
  bench.clock.Advance(minutes(10));
  bench.Settle();

  CHECK(bench.outbox[id].last->verdict == Verdict::kDone);
}

TEST_CASE(
    "portal_rounds: a line that is off is asked seldom, with no loss to the portal's others") {
  Bench bench;
  std::vector<DeliveryId> off;
  for (int i = 0; i < 120; ++i) off.push_back(bench.Confirm(1, i + 1));
  for (int i = 0; i < 5; ++i) off.push_back(bench.Incoming(1, "chat" + std::to_string(i)));
  const DeliveryId on = bench.Confirm(2, 1);
  bool active = false;
  bench.answer = [&](const Seen& call) -> CallResult {
    if (active || call.parameters.find("\"LINE\":1,") == std::string::npos) return Bench::Done();
    return FailCall({Fault::kPermanent, "not_active_line", "refused"});
  };
  for (int i = 0; i < 60; ++i) {
    bench.Settle();
    bench.clock.Advance(minutes(1));
  }
  CHECK(bench.outbox[on].last->verdict == Verdict::kDone);
  CHECK(bench.seen.size() <= 30);

  active = true;
  bench.clock.Advance(minutes(10));
  bench.Settle();
  bench.clock.Advance(minutes(10));
  bench.Settle();

  for (const DeliveryId id : off) CHECK(bench.outbox[id].last->verdict == Verdict::kDone);
}

}  // namespace
}  // namespace imrelay
