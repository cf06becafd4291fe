#include "delivery/portal_errand.h"

#include <algorithm>
#include <iterator>

#include "bitrix24/message_methods.h"
#include "bitrix24/methods.h"
#include "codec/json.h"
#include "delivery/verdicts.h"
#include "install/backoff.h"

namespace imrelay {
namespace {

using Verdict = Settlement::Verdict;
using std::chrono::milliseconds;
using std::chrono::minutes;

constexpr minutes kShortestForbidden{1};
constexpr minutes kLongestForbidden{10};
constexpr const char* kUninstalled = "portal_uninstalled";

struct Answer {
  Attempt attempt;
  CallResultOf<void> said;
};

// The portal never saw the call.
bool WasNotSent(const CallError& error) {
  return error.word == "rate_limited" || error.word == "operation_time_limit";
}

bool IsUninstalled(const CallError& error) {
  return error.fault == Fault::kRemoved || error.word == "uninstalled";
}

// The portal answered and refuses this kind of call, while others may work.
bool IsRefusedNotice(const Delivery& delivery, const CallError& error) {
  return delivery.kind == kind::kOperatorNotice && error.fault == Fault::kForbidden &&
         error.status != 0;
}

bool MayBeDone(const CallError& error) {
  return error.word == "no_answer" || error.word == "broken_answer" || error.status >= 500;
}

Settlement Untried(const Delivery& delivery, TimePoint due) {
  Settlement settlement;
  settlement.id = delivery.id;
  settlement.verdict = Verdict::kLater;
  settlement.due = due;
  return settlement;
}

Confirmation ConfirmationOf(const Delivery& delivery) {
  Confirmation confirmation;
  confirmation.chat = delivery.chat_id;
  confirmation.message = delivery.message_id.value_or(MessageId());
  confirmation.external_chat = delivery.external_chat_id;
  confirmation.delivered_at = delivery.created_at;
  const Result<Tree> payload = ParseJson(delivery.payload);
  const Tree* ids = payload ? payload->Find("ids") : nullptr;
  if (ids == nullptr) return confirmation;
  for (const auto& [index, id] : ids->items()) confirmation.ids.emplace_back(id.text());
  return confirmation;
}

std::string NoticeOf(const Delivery& delivery) {
  const Result<Tree> payload = ParseJson(delivery.payload);
  const std::string* outcome = payload ? payload->FindText("outcome") : nullptr;
  const std::string told = "The message could not be deleted in the client's chat: ";
  if (outcome != nullptr && *outcome == "too_old") return told + "it is too old for the channel.";
  if (outcome != nullptr && *outcome == "unsupported") {
    return told + "the channel does not delete messages.";
  }
  return told + "the channel refused it or could not be reached.";
}

}  // namespace

struct PortalCaller::Running {
  PortalOutcome outcome;
  TimePoint began;

  void Settle(const Delivery& delivery, Settlement settlement) {
    outcome.settlements.push_back(std::move(settlement));
    outcome.kinds.push_back(delivery.kind);
  }
  void Settle(const Delivery& delivery, const Attempt& attempt, const CallError* error,
              TimePoint now);
  void Close(const CallError& error, TimePoint now);
};

// The effect of an error on the portal's other calls.
void PortalCaller::Running::Close(const CallError& error, TimePoint now) {
  outcome.failed = true;
  outcome.forbidden = error.fault == Fault::kForbidden;
  outcome.not_before = error.not_before;
  // A method's own limit says nothing of the others.
  if (error.word == "operation_time_limit") outcome.not_before = now + kLongestErrand;
}

void PortalCaller::Running::Settle(const Delivery& delivery, const Attempt& attempt,
                                   const CallError* error, TimePoint now) {
  Settlement settlement;
  settlement.id = delivery.id;
  if (error == nullptr) {
    settlement.attempt = attempt;
    Settle(delivery, std::move(settlement));
    return;
  }
  if (WasNotSent(*error)) {
    Settle(delivery, Untried(delivery, error->not_before.value_or(now)));
    Close(*error, now);
    return;
  }
  settlement.attempt = attempt;
  settlement.attempt->http_status = error->status;
  settlement.attempt->answer = error->word.substr(0, kMaxKeptAnswer);
  settlement.reason = error->message;
  if (IsUninstalled(*error)) {
    settlement.verdict = Verdict::kCancelled;
    settlement.reason = kUninstalled;
  } else if (error->fault == Fault::kPermanent || IsRefusedNotice(delivery, *error)) {
    settlement.verdict = Verdict::kFailed;
  } else {
    milliseconds pause = error->not_before.value_or(now) - now;
    if (error->fault == Fault::kForbidden) {
      pause = Backoff(delivery.attempts, kShortestForbidden, kLongestForbidden);
    }
    settlement.maybe_done = MayBeDone(*error);
    TryAgain(delivery, std::max(pause, milliseconds(0)), now, settlement);
    Close(*error, now);
  }
  Settle(delivery, std::move(settlement));
}

bool PortalCaller::Continues(const Running& running) const {
  return !stopping_ && !running.outcome.failed && clock_.Now() - running.began < kLongestErrand;
}

PortalOutcome PortalCaller::Run(const PortalErrand& errand) const {
  Running running;
  running.began = clock_.Now();
  running.outcome.portal = errand.portal;
  running.outcome.target = errand.target;
  std::vector<Delivery> confirmations;
  for (const Delivery& delivery : errand.deliveries) {
    if (delivery.portal_status == PortalStatus::kUninstalled) {
      Settlement settlement;
      settlement.id = delivery.id;
      settlement.verdict = Verdict::kCancelled;
      settlement.reason = kUninstalled;
      running.Settle(delivery, std::move(settlement));
    } else if (delivery.kind == kind::kConfirm) {
      confirmations.push_back(delivery);
    } else {
      SendOne(delivery, running);
    }
  }
  for (std::size_t i = 0; i < confirmations.size(); i += kMostConfirmations) {
    Confirm(confirmations, i, std::min(i + kMostConfirmations, confirmations.size()), running);
  }
  running.outcome.took = clock_.Now() - running.began;
  return std::move(running.outcome);
}

// Confirmations of one line. A batch that is refused as a whole is halved until it is known which
// one of it is the reason.
void PortalCaller::Confirm(const std::vector<Delivery>& deliveries, std::size_t begin,
                           std::size_t end, Running& running) const {
  if (!Continues(running)) {
    for (std::size_t i = begin; i < end; ++i) {
      running.Settle(deliveries[i], Untried(deliveries[i], clock_.Now()));
    }
    return;
  }
  std::vector<Confirmation> confirmations;
  std::transform(deliveries.begin() + static_cast<std::ptrdiff_t>(begin),
                 deliveries.begin() + static_cast<std::ptrdiff_t>(end),
                 std::back_inserter(confirmations), ConfirmationOf);
  const Delivery& first = deliveries[begin];
  Attempt attempt;
  attempt.begun_at = clock_.Now();
  const CallResultOf<void> said =
      ReadSent(call_(first.member_id, ConfirmDelivery(first.connector, first.line, confirmations)));
  const TimePoint now = clock_.Now();
  attempt.took = now - attempt.begun_at;
  attempt.http_status = 200;
  if (!said && said.error().fault == Fault::kPermanent && end - begin > 1) {
    const std::size_t middle = begin + (end - begin) / 2;
    Confirm(deliveries, begin, middle, running);
    Confirm(deliveries, middle, end, running);
    return;
  }
  for (std::size_t i = begin; i < end; ++i) {
    running.Settle(deliveries[i], attempt, said ? nullptr : &said.error(), now);
  }
}

CallResultOf<void> PortalCaller::CallFor(const Delivery& delivery) const {
  const auto send = [&](const Call& call) { return call_(delivery.member_id, call); };
  const ConnectorId& connector = delivery.connector;
  const LineId line = delivery.line;
  if (delivery.kind == kind::kIncomingCreated) {
    return ReadSent(send(SendMessage(connector, line, delivery.payload)));
  }
  if (delivery.kind == kind::kIncomingUpdated) {
    return ReadSent(send(UpdateMessage(connector, line, delivery.payload)));
  }
  if (delivery.kind == kind::kIncomingDeleted) {
    return ReadSent(send(DeleteMessage(connector, line, delivery.payload)));
  }
  if (delivery.kind == kind::kOperatorNotice) {
    return ReadTold(send(TellChat(delivery.chat_id, NoticeOf(delivery))));
  }
  return FailCall({Fault::kPermanent, "unknown_kind", "this release cannot send it"});
}

void PortalCaller::SendOne(const Delivery& delivery, Running& running) const {
  if (!Continues(running)) {
    running.Settle(delivery, Untried(delivery, clock_.Now()));
    return;
  }
  Attempt attempt;
  attempt.begun_at = clock_.Now();
  const CallResultOf<void> said = CallFor(delivery);
  const TimePoint now = clock_.Now();
  attempt.took = now - attempt.begun_at;
  attempt.http_status = 200;
  running.Settle(delivery, attempt, said ? nullptr : &said.error(), now);
}

}  // namespace imrelay
