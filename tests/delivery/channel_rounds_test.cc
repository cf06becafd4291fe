#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

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

TEST_CASE("channel_rounds: everything is sent, in the order of its chat") {
  Bench bench;
  std::vector<DeliveryId> ids;
  for (int i = 0; i < 30; ++i) ids.push_back(bench.Add(1, "chat" + std::to_string(i % 3)));

  bench.Settle();

  for (const DeliveryId id : ids) CHECK(bench.outbox[id].last->verdict == Verdict::kDone);
  REQUIRE(bench.channel[0]->sent.size() == 30);
  std::map<ExternalChatId, DeliveryId> last;
  for (const auto& sent : bench.channel[0]->sent) {
    CHECK(sent.delivery.id > last[sent.delivery.external_chat_id]);
    last[sent.delivery.external_chat_id] = sent.delivery.id;
  }
  CHECK(bench.rounds->IsIdle());
}

TEST_CASE("channel_rounds: nothing overtakes what has to come again") {
  Bench bench;
  bench.channel[0]->answer = AnswerOf(AnswerKind::kLater, 503);
  bench.channel[0]->answer.retry_after = seconds(30);
  const DeliveryId first = bench.Add(1, "chat");
  const DeliveryId second = bench.Add(1, "chat");

  const milliseconds pause = bench.Settle();
  bench.channel[0]->answer = {};
  bench.clock.Advance(seconds(29));
  bench.Settle();

  CHECK(pause == milliseconds(250));
  CHECK(bench.channel[0]->sent.size() == 1);
  CHECK(bench.outbox[second].state == State::kPending);

  bench.clock.Advance(seconds(1));
  bench.Settle();

  REQUIRE(bench.channel[0]->sent.size() == 3);
  CHECK(bench.channel[0]->sent[1].delivery.id == first);
  CHECK(bench.channel[0]->sent[2].delivery.id == second);
}

TEST_CASE("channel_rounds: what is due soon is not waited for longer") {
  Bench bench;
  const DeliveryId id = bench.Add(1, "chat");
  bench.outbox.Change(id, [&](auto& row) { row.due = bench.clock.Now() + milliseconds(40); });

  CHECK(bench.Settle() == milliseconds(40));
}

TEST_CASE("channel_rounds: a slow channel leaves room for the others") {
  Bench bench(2, {.under_way = 16, .under_way_a_channel = 8});
  bench.channel[0]->holds = true;
  for (int i = 0; i < 100; ++i) bench.Add(1, "chat" + std::to_string(i));
  bench.Settle();
  CHECK(bench.channel[0]->held.size() == 8);

  for (int i = 0; i < 100; ++i) bench.Add(2, "chat" + std::to_string(i));
  bench.Settle();

  CHECK(bench.channel[0]->held.size() == 8);
  CHECK(bench.channel[1]->sent.size() == 100);
}

TEST_CASE("channel_rounds: even when every other channel is slow there is room") {
  Bench bench(20, {.under_way = 64, .under_way_a_channel = 32});
  for (int line = 1; line < 20; ++line) {
    bench.channel[line - 1]->holds = true;
    for (int i = 0; i < 64; ++i) bench.Add(line, "chat" + std::to_string(i));
  }
  bench.Settle();
  const DeliveryId id = bench.Add(20, "chat");

  bench.Settle();

  CHECK(bench.outbox[id].state == State::kEnded);
}

TEST_CASE("channel_rounds: a line with much to send leaves the others their turn") {
  std::vector<ChannelEntry> entries(1);
  auto scripted = std::make_unique<ScriptedChannel>();
  ScriptedChannel& channel = *scripted;
  channel.holds = true;
  entries[0].channel = std::move(scripted);
  const ChannelDirectory directory(std::move(entries));
  FakeClock clock;
  FakeOutbox outbox;
  ChannelRounds rounds(outbox, directory, 0, clock, {.under_way = 8, .under_way_a_channel = 8},
                       std::make_shared<Bell>());
  for (int i = 0; i < 500; ++i) outbox.Add(1, "chat" + std::to_string(i), kind::kMessageCreated);
  REQUIRE(rounds.Round().has_value());
  REQUIRE(channel.held.size() == 8);
  for (int line = 2; line <= 4; ++line) outbox.Add(line, "chat", kind::kMessageCreated);

  for (int i = 0; i < 4; ++i) {
    channel.AnswerHeld({});
    REQUIRE(rounds.Round().has_value());
  }

  std::vector<std::int64_t> lines;
  for (const auto& sent : channel.sent) lines.push_back(sent.delivery.line.value());
  for (int line = 2; line <= 4; ++line) {
    CHECK(std::count(lines.begin(), lines.end(), line) == 1);
  }
}

TEST_CASE("channel_rounds: what has no channel waits") {
  Bench bench;
  const DeliveryId id = bench.Add(9, "chat");

  CHECK(bench.Settle() == milliseconds(250));

  CHECK(bench.outbox[id].state == State::kPending);
  CHECK(bench.outbox.turns() == 0);
}

TEST_CASE("channel_rounds: where the channel does not delete, an edit takes its place") {
  Bench bench(1, {}, {.max_delete_age = {}, .edit_instead = true});
  bench.channel[0]->answer = AnswerOf(AnswerKind::kUnsupported, 422);
  bench.channel[0]->edit_answer = AnswerOf(AnswerKind::kDone, 200);
  const DeliveryId id = bench.Add(1, "chat", kind::kMessageDeleted);

  bench.Settle();

  REQUIRE(bench.channel[0]->sent.size() == 2);
  CHECK_FALSE(bench.channel[0]->sent[0].as_edit);
  CHECK(bench.channel[0]->sent[1].as_edit);
  const Settlement last = *bench.outbox[id].last;
  CHECK(last.verdict == Verdict::kDone);
  REQUIRE(last.besides.size() == 1);
  CHECK(last.besides[0].result == "unsupported");
  CHECK(last.besides[0].attempt.http_status == 422);
  CHECK(last.attempt->http_status == 200);
}

TEST_CASE("channel_rounds: when the edit is refused too, the deletion's own refusal counts") {
  Bench bench(1, {}, {.max_delete_age = {}, .edit_instead = true});
  bench.channel[0]->answer = AnswerOf(AnswerKind::kTooOld, 422);
  bench.channel[0]->edit_answer = AnswerOf(AnswerKind::kFailed, 400);
  const DeliveryId id = bench.Add(1, "chat", kind::kMessageDeleted);

  bench.Settle();

  CHECK(bench.outbox[id].last->verdict == Verdict::kTooOld);
  CHECK(bench.outbox[id].last->tell_operator);
  CHECK(bench.outbox[id].delivery.attempts == 1);
  REQUIRE(bench.outbox[id].last->besides.size() == 1);
  CHECK(bench.outbox[id].last->besides[0].result == "too_old");
  CHECK(bench.outbox[id].last->attempt->http_status == 400);
}

TEST_CASE("channel_rounds: an edit that could not be sent now comes again") {
  Bench bench(1, {}, {.max_delete_age = seconds(1), .edit_instead = true});
  bench.channel[0]->edit_answer = AnswerOf(AnswerKind::kLater, 503);
  const DeliveryId id = bench.Add(1, "chat", kind::kMessageDeleted);
  bench.outbox.Change(
      id, [&](auto& row) { row.delivery.message_created_at = bench.clock.Now() - hours(1); });

  bench.Settle();
  CHECK(bench.outbox[id].state == State::kPending);

  bench.channel[0]->edit_answer = AnswerOf(AnswerKind::kDone, 200);
  bench.clock.Advance(seconds(2));
  bench.Settle();

  CHECK(bench.outbox[id].last->verdict == Verdict::kDone);
  for (const auto& sent : bench.channel[0]->sent) CHECK(sent.as_edit);
}

TEST_CASE("channel_rounds: answers are kept while the database is away") {
  Bench bench;
  bench.channel[0]->holds = true;
  const DeliveryId id = bench.Add(1, "chat");
  bench.Settle();
  bench.outbox.Fails(true);
  bench.channel[0]->AnswerHeld({});

  CHECK_FALSE(bench.rounds->Round().has_value());
  CHECK_FALSE(bench.rounds->Round().has_value());
  CHECK_FALSE(bench.rounds->IsIdle());
  bench.outbox.Fails(false);
  bench.Settle();

  CHECK(bench.outbox[id].last->verdict == Verdict::kDone);
  CHECK(bench.channel[0]->sent.size() == 1);
}

TEST_CASE("channel_rounds: when it stops, it takes up nothing and records what is under way") {
  Bench bench;
  bench.channel[0]->holds = true;
  const DeliveryId under_way = bench.Add(1, "chat");
  const DeliveryId queued = bench.Add(1, "chat");
  bench.Settle();

  bench.rounds->StopTaking();
  CHECK_FALSE(bench.rounds->IsIdle());
  bench.channel[0]->AnswerHeld({});
  bench.Settle();

  CHECK(bench.rounds->IsIdle());
  CHECK(bench.outbox[under_way].state == State::kEnded);
  CHECK(bench.outbox[queued].state == State::kPending);
}

int CountLeased(Bench& bench) {
  int leased = 0;
  for (int i = 1; i <= 20; ++i) leased += bench.outbox[DeliveryId(i)].state == State::kLeased;
  return leased;
}

// Two under way, and four taken ahead, of a channel that has been quick.
void TakeAhead(Bench& bench) {
  bench.channel[0]->holds = true;
  for (int i = 0; i < 20; ++i) bench.Add(1, "chat" + std::to_string(i));
  bench.Settle();
  for (int i = 0; i < 2; ++i) bench.channel[0]->AnswerHeld(AnswerOf(AnswerKind::kDone, 200));
  bench.Settle();
  REQUIRE(bench.channel[0]->sent.size() == 4);
  REQUIRE(CountLeased(bench) == 6);
}

TEST_CASE("channel_rounds: what was taken ahead is sent while the store works") {
  Bench bench(1, {.under_way = 4, .under_way_a_channel = 2});
  TakeAhead(bench);
  std::atomic<bool> sent = false;
  bench.channel[0]->told = [&] { sent = true; };
  bench.outbox.Meanwhile([&, answered = bench.channel[0]->held.back()] {
    sent = false;  // what the first answer made room for was sent before
    answered(AnswerOf(AnswerKind::kDone, 200));
    for (int i = 0; i < 1000 && !sent; ++i) std::this_thread::sleep_for(milliseconds(10));
    CHECK(sent);
  });
  bench.channel[0]->held.pop_back();
  bench.channel[0]->AnswerHeld(AnswerOf(AnswerKind::kDone, 200));

  bench.Settle();

  CHECK(bench.channel[0]->sent.size() == 6);
}

TEST_CASE("channel_rounds: what was taken ahead does not wait for a channel that got slow") {
  Bench bench(1, {.under_way = 4, .under_way_a_channel = 2});
  TakeAhead(bench);

  bench.clock.Advance(milliseconds(1001));
  bench.Settle();

  CHECK(CountLeased(bench) == 2);
  CHECK(bench.outbox[DeliveryId(5)].state == State::kPending);
  CHECK(bench.outbox[DeliveryId(5)].delivery.attempts == 0);
  CHECK(bench.channel[0]->sent.size() == 4);
}

TEST_CASE("channel_rounds: what was taken ahead is given back at the end") {
  Bench bench(1, {.under_way = 4, .under_way_a_channel = 2});
  TakeAhead(bench);

  bench.rounds->StopTaking();
  bench.Settle();

  CHECK(CountLeased(bench) == 2);
  for (int i = 0; i < 2; ++i) bench.channel[0]->AnswerHeld({});
  bench.Settle();
  CHECK(bench.rounds->IsIdle());
  CHECK(CountLeased(bench) == 0);
}

TEST_CASE("channel_rounds: an answer that comes after its end harms nobody") {
  Bench bench;
  bench.channel[0]->holds = true;
  bench.Add(1, "chat");
  bench.Settle();

  bench.rounds.reset();
  bench.channel[0]->AnswerHeld({});

  CHECK(bench.channel[0]->held.empty());
}

TEST_CASE("channel_rounds: an idle one only reads") {
  Bench bench;
  for (int i = 0; i < 20; ++i) {
    CHECK(bench.Settle() == milliseconds(250));
    bench.clock.Advance(milliseconds(250));
  }
  CHECK(bench.outbox.turns() == 0);
}

}  // namespace
}  // namespace imrelay
