#include "delivery/verdicts.h"

#include <algorithm>

#include "install/backoff.h"

namespace imrelay {
namespace {

using Verdict = Settlement::Verdict;
using std::chrono::milliseconds;

constexpr std::chrono::seconds kShortestPause{1};
constexpr std::chrono::hours kLongestPause{1};

bool IsDeletion(const Delivery& delivery) { return delivery.kind == kind::kMessageDeleted; }

bool IsOfClient(const Delivery& delivery) { return delivery.direction == Direction::kIn; }

Decision SettleAs(const Delivery& delivery, Verdict verdict, const char* reason) {
  Decision decision;
  decision.step = Decision::Step::kSettle;
  decision.settlement.id = delivery.id;
  decision.settlement.verdict = verdict;
  decision.settlement.reason = reason;
  return decision;
}

bool TellsOperator(const Delivery& delivery, Verdict verdict, const DeletionPolicy& policy) {
  if (!IsDeletion(delivery) || !policy.tell_operator) return false;
  if (verdict == Verdict::kFailed) return true;
  return !IsOfClient(delivery) && (verdict == Verdict::kTooOld || verdict == Verdict::kUnsupported);
}

bool IsTooOld(const Delivery& delivery, const DeletionPolicy& policy,
              std::optional<std::chrono::seconds> delete_limit, TimePoint now) {
  if (!delivery.message_created_at) return false;
  const TimePoint::duration age = now - *delivery.message_created_at;
  return (policy.max_delete_age && age > *policy.max_delete_age) ||
         (delete_limit && age > *delete_limit);
}

Verdict VerdictOf(const Delivery& delivery, ChannelAnswer::Kind answered) {
  using enum ChannelAnswer::Kind;
  switch (answered) {
    case kDone:
      return Verdict::kDone;
    case kGone:
      return IsDeletion(delivery) ? Verdict::kGone : Verdict::kFailed;
    case kTooOld:
      return IsDeletion(delivery) ? Verdict::kTooOld : Verdict::kFailed;
    case kUnsupported:
      return IsDeletion(delivery) ? Verdict::kUnsupported : Verdict::kFailed;
    case kFailed:
      return Verdict::kFailed;
    case kLater:
    case kOff:
      return Verdict::kLater;
  }
  return Verdict::kFailed;
}

}  // namespace

void TryAgain(const Delivery& delivery, milliseconds at_least, TimePoint now,
              Settlement& settlement) {
  const bool long_enough = now - delivery.first_attempt_at.value_or(now) >= kTriedFor;
  if (long_enough && delivery.attempts + 1 >= kTriedAtLeast) {
    settlement.verdict = Verdict::kFailed;
    settlement.reason = "given up after 3 days: " + settlement.reason;
    return;
  }
  settlement.verdict = Verdict::kLater;
  const milliseconds pause = Backoff(delivery.attempts, kShortestPause, kLongestPause);
  settlement.due = now + std::max(pause, std::min<milliseconds>(at_least, kLongestRetryAfter));
}

Decision Decide(const Delivery& delivery, const DeletionPolicy& policy,
                std::optional<std::chrono::seconds> delete_limit, TimePoint now) {
  const bool speaks_of_message =
      delivery.kind == kind::kMessageCreated || delivery.kind == kind::kMessageUpdated;
  if (speaks_of_message && delivery.message_deleted) {
    Decision decision = SettleAs(delivery, Verdict::kCancelled, "message_deleted");
    decision.settlement.external_ids = delivery.made;
    return decision;
  }
  if (!IsDeletion(delivery)) return {};
  if (IsOfClient(delivery) && !policy.delete_incoming) {
    return SettleAs(delivery, Verdict::kUnsupported,
                    "messages of the client are not deleted in the channel");
  }
  if (!IsTooOld(delivery, policy, delete_limit, now)) return {};
  Decision decision = SettleAs(delivery, Verdict::kTooOld, "too old to be deleted in the channel");
  decision.settlement.tell_operator = TellsOperator(delivery, Verdict::kTooOld, policy);
  if (policy.edit_instead) decision.step = Decision::Step::kSendRemovalAsEdit;
  return decision;
}

Settlement SettlementOf(const Delivery& delivery, const ChannelAnswer& answer,
                        const DeletionPolicy& policy, TimePoint now) {
  Settlement settlement;
  settlement.id = delivery.id;
  settlement.verdict = VerdictOf(delivery, answer.kind);
  settlement.reason = answer.reason;
  settlement.maybe_done = answer.maybe_done;
  if (delivery.kind == kind::kMessageCreated) {
    settlement.external_ids = answer.external_ids;
    settlement.ids_follow = answer.ids_follow;
  }
  if (answer.kind == ChannelAnswer::Kind::kOff) {
    // Not counted: how long an endpoint is off says nothing of the delivery.
    settlement.besides.push_back({answer.attempt, "off"});
    settlement.due = now;
    return settlement;
  }
  settlement.attempt = answer.attempt;
  if (answer.kind == ChannelAnswer::Kind::kLater) {
    TryAgain(delivery, answer.retry_after.value_or(milliseconds(0)), now, settlement);
  }
  settlement.tell_operator = TellsOperator(delivery, settlement.verdict, policy);
  return settlement;
}

bool WantsEdit(const Delivery& delivery, const ChannelAnswer& answer,
               const DeletionPolicy& policy) {
  using enum ChannelAnswer::Kind;
  return policy.edit_instead && IsDeletion(delivery) &&
         (answer.kind == kTooOld || answer.kind == kUnsupported);
}

bool IsEndpointFault(const ChannelAnswer& answer) {
  if (answer.kind != ChannelAnswer::Kind::kLater) return false;
  return !answer.reached || (answer.attempt.http_status >= 500 && !answer.retry_after);
}

}  // namespace imrelay
