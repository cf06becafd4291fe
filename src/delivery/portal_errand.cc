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

// Nothing that counts as an attempt: the portal never saw the call, or did not look at it.
bool IsUntried(const CallError& error) {
  return error.unsent || error.word == "operation_time_limit";
}

// Words that say the same of whatever is sent to the line: it is switched off, or the connector is
// not registered. A person may mend that.
bool IsOfLine(const CallError& error) {
  return error.word == "not_active_line" ||
         error.word == "imconnector_not_specified_correct_connector" ||
         error.word == "imconnector_no_correct_provider";
}

bool IsUninstalled(const CallError& error) {
  return error.fault == Fault::kRemoved || error.word == "uninstalled";
}

// The portal answered and lets us write no notices, or not into this chat, while other calls may
// work. Nobody misses a message by that.
bool IsRefusedNotice(const Delivery& delivery, const CallError& error) {
  return delivery.kind == kind::kOperatorNotice &&
         (error.fault == Fault::kForbidden || error.word == "access_error");
}

bool MayBeDone(const CallError& error) {
  // These come with 503, and before anything is done.
  if (error.word == "query_limit_exceeded" || error.word == "overload_limit") return false;
  return error.word == "no_answer" || error.word == "broken_answer" || error.status >= 500;
}

Settlement Untried(const Delivery& delivery, TimePoint due, std::string reason = {}) {
  Settlement settlement;
  settlement.id = delivery.id;
  settlement.reason = std::move(reason);
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
  void GoBack(const Delivery& delivery, const CallError& error, TimePoint now);
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
    outcome.answered = outcome.lines[delivery.queue].answered = true;
    settlement.attempt = attempt;
    Settle(delivery, std::move(settlement));
    return;
  }
  if (IsUntried(*error) && !IsUninstalled(*error)) {
    GoBack(delivery, *error, now);
    return;
  }
  if (!error->unsent) {
    settlement.attempt = attempt;
    settlement.attempt->http_status = error->status;
    settlement.attempt->answer = error->word.substr(0, kMaxKeptAnswer);
  }
  settlement.reason = error->message;
  if (IsUninstalled(*error)) {
    settlement.verdict = Verdict::kCancelled;
    settlement.reason = kUninstalled;
  } else if (IsRefusedNotice(delivery, *error)) {
    settlement.verdict = Verdict::kCancelled;
    settlement.reason = error->word;
  } else if (IsOfLine(*error)) {
    TryAgain(delivery, Backoff(delivery.attempts, kShortestForbidden, kLongestForbidden), now,
             settlement);
    outcome.lines[delivery.queue].refused = true;
  } else if (error->fault == Fault::kPermanent) {
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

// Nobody was asked: neither an attempt nor the time counts.
void PortalCaller::Running::GoBack(const Delivery& delivery, const CallError& error,
                                   TimePoint now) {
  Close(error, now);
  if (outcome.forbidden) {
    const milliseconds pause = Backoff(delivery.attempts, kShortestForbidden, kLongestForbidden);
    Settle(delivery, Untried(delivery, now + pause, error.message));
  } else {
    Settle(delivery, Untried(delivery, error.not_before.value_or(now)));
  }
}

bool PortalCaller::Continues(const Running& running, QueueId queue) const {
  const auto line = running.outcome.lines.find(queue);
  const bool refused = line != running.outcome.lines.end() && line->second.refused;
  return !stopping_ && !refused && !running.outcome.failed &&
         clock_.Now() - running.began < kLongestErrand;
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
  if (!confirmations.empty()) ConfirmAll(confirmations, errand.most, running);
  running.outcome.took = clock_.Now() - running.began;
  return std::move(running.outcome);
}

// Confirmations of one line, `most` a call. A batch that is refused is halved until it is known
// which one of it is the reason; where that has to end in between, the next errand goes on with as
// many a call as are left to be tried.
void PortalCaller::ConfirmAll(std::span<const Delivery> deliveries, int most,
                              Running& running) const {
  const QueueId queue = deliveries.front().queue;
  std::size_t suspects = 0;  // that many of the first hold one that is refused
  while (!deliveries.empty() && Continues(running, queue)) {
    std::size_t size = std::min(deliveries.size(), static_cast<std::size_t>(std::max(most, 1)));
    if (suspects > 0) size = std::min(size, std::max<std::size_t>(suspects / 2, 1));
    const std::size_t before = running.outcome.settlements.size();
    if (!Confirm(deliveries.first(size), running)) {
      suspects = size;
      most = static_cast<int>(size / 2);
      continue;
    }
    suspects -= std::min(suspects, size);
    deliveries = deliveries.subspan(size);
    const bool done = running.outcome.settlements[before].verdict == Verdict::kDone;
    if (done) most = std::min(2 * most, static_cast<int>(kMostConfirmations));
  }
  running.outcome.lines[queue].most = most;
  for (const Delivery& delivery : deliveries) {
    running.Settle(delivery, Untried(delivery, clock_.Now()));
  }
}

bool PortalCaller::Confirm(std::span<const Delivery> deliveries, Running& running) const {
  std::vector<Confirmation> confirmations;
  std::transform(deliveries.begin(), deliveries.end(), std::back_inserter(confirmations),
                 ConfirmationOf);
  const Delivery& first = deliveries.front();
  Attempt attempt;
  attempt.begun_at = clock_.Now();
  const CallResultOf<void> said =
      ReadSent(call_(first.member_id, ConfirmDelivery(first.connector, first.line, confirmations)));
  const TimePoint now = clock_.Now();
  attempt.took = now - attempt.begun_at;
  attempt.http_status = 200;
  if (!said && said.error().fault == Fault::kPermanent && !IsOfLine(said.error()) &&
      deliveries.size() > 1) {
    return false;
  }
  for (const Delivery& delivery : deliveries) {
    running.Settle(delivery, attempt, said ? nullptr : &said.error(), now);
  }
  return true;
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
  if (!Continues(running, delivery.queue)) {
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
