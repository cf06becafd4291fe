#include "delivery/verdicts.h"

#include <doctest/doctest.h>

#include <string>

#include "tests/fakes/fake_clock.h"
#include "tests/fakes/scripted_channel.h"

namespace imrelay {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using AnswerKind = ChannelAnswer::Kind;
using Step = Decision::Step;
using Verdict = Settlement::Verdict;

const TimePoint kNow = FakeClock().Now();

Delivery Deletion(Direction direction = Direction::kOut) {
  Delivery delivery;
  delivery.id = DeliveryId(7);
  delivery.kind = kind::kMessageDeleted;
  delivery.direction = direction;
  delivery.message_deleted = true;
  delivery.message_created_at = kNow - hours(47);
  return delivery;
}

Delivery Created() {
  Delivery delivery;
  delivery.id = DeliveryId(8);
  delivery.kind = kind::kMessageCreated;
  delivery.direction = Direction::kOut;
  return delivery;
}

TEST_CASE("verdicts: an unremarkable delivery is sent") {
  CHECK(Decide(Deletion(), {}, {}, kNow).step == Step::kSend);
  CHECK(Decide(Created(), {}, {}, kNow).step == Step::kSend);
}

TEST_CASE("verdicts: nothing of a deleted message is sent but its deletion") {
  for (const std::string_view kind : {kind::kMessageCreated, kind::kMessageUpdated}) {
    Delivery delivery = Created();
    delivery.kind = kind;
    delivery.message_deleted = true;
    delivery.made = {ExternalMessageId("a")};

    const Decision decision = Decide(delivery, {}, {}, kNow);

    CHECK(decision.step == Step::kSettle);
    CHECK(decision.settlement.id == delivery.id);
    CHECK(decision.settlement.verdict == Verdict::kCancelled);
    CHECK(decision.settlement.reason == "message_deleted");
    CHECK(decision.settlement.external_ids == delivery.made);
    CHECK_FALSE(decision.settlement.attempt.has_value());
  }
}

TEST_CASE("verdicts: the client's own message is deleted in the channel only when that is wanted") {
  const Decision unwanted = Decide(Deletion(Direction::kIn), {}, {}, kNow);
  CHECK(unwanted.step == Step::kSettle);
  CHECK(unwanted.settlement.verdict == Verdict::kUnsupported);
  CHECK_FALSE(unwanted.settlement.tell_operator);

  DeletionPolicy policy;
  policy.delete_incoming = true;
  CHECK(Decide(Deletion(Direction::kIn), policy, {}, kNow).step == Step::kSend);
}

TEST_CASE("verdicts: what is known to be too old is not asked") {
  DeletionPolicy policy;
  policy.max_delete_age = hours(46);
  const Decision by_policy = Decide(Deletion(), policy, {}, kNow);
  CHECK(by_policy.step == Step::kSettle);
  CHECK(by_policy.settlement.verdict == Verdict::kTooOld);
  CHECK(by_policy.settlement.tell_operator);

  CHECK(Decide(Deletion(), {}, hours(46), kNow).settlement.verdict == Verdict::kTooOld);
  policy.max_delete_age = hours(48);
  CHECK(Decide(Deletion(), policy, hours(48), kNow).step == Step::kSend);

  Delivery of_unknown_age = Deletion();
  of_unknown_age.message_created_at.reset();
  CHECK(Decide(of_unknown_age, {}, seconds(1), kNow).step == Step::kSend);

  policy = {.max_delete_age = hours(46), .edit_instead = true};
  CHECK(Decide(Deletion(), policy, {}, kNow).step == Step::kSendRemovalAsEdit);
}

TEST_CASE("verdicts: what the channel's answers mean") {
  struct Case {
    AnswerKind answer;
    Verdict of_deletion;
    Verdict of_other;
  };
  const Case cases[] = {
      {AnswerKind::kDone, Verdict::kDone, Verdict::kDone},
      {AnswerKind::kGone, Verdict::kGone, Verdict::kFailed},
      {AnswerKind::kTooOld, Verdict::kTooOld, Verdict::kFailed},
      {AnswerKind::kUnsupported, Verdict::kUnsupported, Verdict::kFailed},
      {AnswerKind::kFailed, Verdict::kFailed, Verdict::kFailed},
      {AnswerKind::kLater, Verdict::kLater, Verdict::kLater},
      {AnswerKind::kOff, Verdict::kLater, Verdict::kLater},
  };
  for (const Case& one : cases) {
    CAPTURE(static_cast<int>(one.answer));
    const ChannelAnswer answer = AnswerOf(one.answer, 200);
    CHECK(SettlementOf(Deletion(), answer, {}, kNow).verdict == one.of_deletion);
    CHECK(SettlementOf(Created(), answer, {}, kNow).verdict == one.of_other);
  }
}

TEST_CASE("verdicts: the operator is told of deletions that failed for good, if that is wanted") {
  struct Case {
    AnswerKind answer;
    bool of_operator;
    bool of_client;
  };
  const Case cases[] = {
      {AnswerKind::kDone, false, false},  {AnswerKind::kGone, false, false},
      {AnswerKind::kTooOld, true, false}, {AnswerKind::kUnsupported, true, false},
      {AnswerKind::kFailed, true, true},  {AnswerKind::kLater, false, false},
      {AnswerKind::kOff, false, false},
  };
  for (const Case& one : cases) {
    CAPTURE(static_cast<int>(one.answer));
    const ChannelAnswer answer = AnswerOf(one.answer, 200);
    CHECK(SettlementOf(Deletion(), answer, {}, kNow).tell_operator == one.of_operator);
    CHECK(SettlementOf(Deletion(Direction::kIn), answer, {}, kNow).tell_operator == one.of_client);
    CHECK_FALSE(SettlementOf(Created(), answer, {}, kNow).tell_operator);
    CHECK_FALSE(
        SettlementOf(Deletion(), answer, {.max_delete_age = {}, .tell_operator = false}, kNow)
            .tell_operator);
  }
}

TEST_CASE("verdicts: what failed comes again after the longer of Retry-After and backoff") {
  ChannelAnswer answer = AnswerOf(AnswerKind::kLater, 503);
  Delivery delivery = Created();

  for (int attempts = 0; attempts < 20; ++attempts) {
    delivery.attempts = attempts;
    const Settlement settlement = SettlementOf(delivery, answer, {}, kNow);
    REQUIRE(settlement.verdict == Verdict::kLater);
    CHECK(settlement.attempt.has_value());
    const milliseconds longest = std::min<milliseconds>(seconds(1) * (1LL << attempts), hours(1));
    CHECK(settlement.due - kNow <= longest);
    CHECK(settlement.due - kNow >= longest * 3 / 4);
  }

  delivery.attempts = 0;
  answer.retry_after = minutes(2);
  CHECK(SettlementOf(delivery, answer, {}, kNow).due == kNow + minutes(2));
  answer.retry_after = hours(1000);
  CHECK(SettlementOf(delivery, answer, {}, kNow).due == kNow + kLongestRetryAfter);
}

TEST_CASE("verdicts: after three days it is given up") {
  Delivery delivery = Deletion();
  delivery.attempts = kTriedAtLeast - 1;
  delivery.first_attempt_at = kNow - kTriedFor + milliseconds(1);
  const ChannelAnswer answer = AnswerOf(AnswerKind::kLater, 500);
  CHECK(SettlementOf(delivery, answer, {}, kNow).verdict == Verdict::kLater);

  delivery.first_attempt_at = kNow - kTriedFor;
  const Settlement settlement = SettlementOf(delivery, answer, {}, kNow);

  CHECK(settlement.verdict == Verdict::kFailed);
  CHECK(settlement.reason == "given up after 3 days: status 500");
  CHECK(settlement.tell_operator);
}

TEST_CASE("verdicts: three days in which hardly anything was tried give nothing up") {
  Delivery delivery = Created();
  delivery.first_attempt_at = kNow - 10 * kTriedFor;
  delivery.attempts = kTriedAtLeast - 2;
  const ChannelAnswer answer = AnswerOf(AnswerKind::kLater, 500);
  CHECK(SettlementOf(delivery, answer, {}, kNow).verdict == Verdict::kLater);

  ++delivery.attempts;
  CHECK(SettlementOf(delivery, answer, {}, kNow).verdict == Verdict::kFailed);
}

TEST_CASE("verdicts: how long an endpoint is off does not count as tries") {
  Delivery delivery = Created();
  delivery.first_attempt_at = kNow - kTriedFor - hours(1);

  const Settlement settlement = SettlementOf(delivery, AnswerOf(AnswerKind::kOff, 410), {}, kNow);

  REQUIRE(settlement.besides.size() == 1);
  CHECK(settlement.besides[0].result == "off");
  CHECK(settlement.besides[0].attempt.http_status == 410);
  CHECK(settlement.verdict == Verdict::kLater);
  CHECK(settlement.due == kNow);
  CHECK_FALSE(settlement.attempt.has_value());
}

TEST_CASE("verdicts: a created message carries its ids, a deletion none") {
  ChannelAnswer answer;
  answer.external_ids = {ExternalMessageId("a"), ExternalMessageId("b")};
  answer.ids_follow = true;

  const Settlement created = SettlementOf(Created(), answer, {}, kNow);
  CHECK(created.external_ids == answer.external_ids);
  CHECK(created.ids_follow);
  CHECK(SettlementOf(Deletion(), answer, {}, kNow).external_ids.empty());
}

TEST_CASE("verdicts: faults of the endpoint and others") {
  ChannelAnswer limited = AnswerOf(AnswerKind::kLater, 503);
  limited.retry_after = seconds(1);

  CHECK(IsEndpointFault(AnswerOf(AnswerKind::kLater, 0)));
  CHECK(IsEndpointFault(AnswerOf(AnswerKind::kLater, 500)));
  CHECK(IsEndpointFault(AnswerOf(AnswerKind::kLater, 503)));
  CHECK_FALSE(IsEndpointFault(limited));
  CHECK_FALSE(IsEndpointFault(AnswerOf(AnswerKind::kLater, 429)));
  CHECK_FALSE(IsEndpointFault(AnswerOf(AnswerKind::kFailed, 400)));
  CHECK_FALSE(IsEndpointFault(AnswerOf(AnswerKind::kDone, 200)));
}

}  // namespace
}  // namespace imrelay
