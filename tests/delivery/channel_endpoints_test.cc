#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "tests/delivery/channel_rounds_bench.h"

namespace imrelay {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using AnswerKind = ChannelAnswer::Kind;
using State = FakeOutbox::State;
using Verdict = Settlement::Verdict;
using Bench = ChannelRoundsBench;

TEST_CASE("channel_rounds: 410 turns the channel off, and nothing is lost by it") {
  Bench bench;
  bench.channel[0]->answer = AnswerOf(AnswerKind::kOff, 410);
  const DeliveryId id = bench.Add(1, "chat");
  bench.Settle();
  bench.Add(1, "another chat");
  bench.channel[0]->answer = {};
  bench.clock.Advance(hours(24 * 30));
  bench.Settle();

  CHECK(bench.channel[0]->sent.size() == 1);
  CHECK(bench.outbox[id].state == State::kPending);
  CHECK(bench.outbox[id].delivery.attempts == 0);
  REQUIRE(bench.outbox.Remembered("a").has_value());
  EndpointState state = *bench.outbox.Remembered("a");
  CHECK(state.state == EndpointState::State::kOff);

  state.state = EndpointState::State::kClosed;
  state.since = bench.clock.Now();
  bench.outbox.Remember(state);
  bench.clock.Advance(seconds(1));
  bench.Settle();

  CHECK(bench.channel[0]->sent.size() == 3);
  CHECK(bench.outbox[id].state == State::kEnded);
}

TEST_CASE("channel_rounds: an endpoint that fails is left alone, probed, and called again") {
  Bench bench;
  bench.channel[0]->answer = AnswerOf(AnswerKind::kLater, 0);
  for (int i = 0; i < 5; ++i) bench.Add(1, "chat" + std::to_string(i));
  for (int i = 0; i < 10; ++i) {
    bench.Settle();
    bench.clock.Advance(seconds(1));
  }
  REQUIRE(bench.outbox.Remembered("a").has_value());
  CHECK(bench.outbox.Remembered("a")->state == EndpointState::State::kOpen);

  const std::size_t sent = bench.channel[0]->sent.size();
  bench.clock.Advance(hours(1));
  bench.Settle();
  CHECK(bench.channel[0]->sent.size() == sent + 1);

  bench.channel[0]->answer = {};
  bench.clock.Advance(hours(1));
  bench.Settle();
  CHECK(bench.outbox.Remembered("a")->state == EndpointState::State::kClosed);
  for (int i = 1; i <= 5; ++i) CHECK(bench.outbox[DeliveryId(i)].state == State::kEnded);
}

TEST_CASE("channel_rounds: what belongs to no line is cancelled where only lines have channels") {
  Bench bench;
  Delivery delivery;
  delivery.queue = QueueId(-7);
  delivery.portal = PortalId(7);
  delivery.kind = kind::kPortalInstalled;
  const DeliveryId of_none = bench.outbox.Add(delivery);
  const DeliveryId unserved = bench.Add(9, "chat");

  bench.Settle();

  CHECK(bench.outbox[of_none].last->verdict == Verdict::kCancelled);
  CHECK(bench.outbox[of_none].last->reason == "no channel is configured for it");
  CHECK(bench.outbox[unserved].state == State::kPending);

  Bench without(0);
  const DeliveryId waits = without.outbox.Add(delivery);
  without.Settle();
  CHECK(without.outbox[waits].state == State::kPending);
}

TEST_CASE("channel_rounds: of several processes one probes") {
  Bench bench;
  bench.channel[0]->answer = AnswerOf(AnswerKind::kLater, 0);
  for (int i = 0; i < 5; ++i) bench.Add(1, "chat" + std::to_string(i));
  for (int i = 0; i < 10; ++i) {
    bench.Settle();
    bench.clock.Advance(seconds(1));
  }
  ChannelRounds other(bench.outbox, *bench.directory, 1, bench.clock, {}, std::make_shared<Bell>());
  REQUIRE(other.Round().has_value());
  const std::size_t sent = bench.channel[0]->sent.size();

  bench.clock.Advance(milliseconds(hours(1)) - seconds(1));
  REQUIRE(other.Round().has_value());
  REQUIRE(bench.rounds->Round().has_value());
  bench.clock.Advance(seconds(1));
  // Both have looked, and both would probe.
  REQUIRE(other.Round().has_value());
  bench.Settle();

  CHECK(bench.channel[0]->sent.size() == sent + 1);
}

TEST_CASE("channel_rounds: a channel that another process turned off is not opened by this one") {
  Bench bench;
  bench.channel[0]->answer = AnswerOf(AnswerKind::kLater, 0);
  bench.Add(1, "chat");
  for (int i = 0; i < 20; ++i) bench.Add(1, "chat" + std::to_string(i));
  bench.clock.Advance(seconds(1));
  EndpointState off;
  off.name = "a";
  off.state = EndpointState::State::kOff;
  off.since = bench.clock.Now();
  REQUIRE(bench.rounds->Round().has_value());
  bench.outbox.Remember(off);
  bench.Settle();
  bench.clock.Advance(seconds(6));
  bench.Settle();

  CHECK(bench.outbox.Remembered("a")->state == EndpointState::State::kOff);
}

}  // namespace
}  // namespace imrelay
