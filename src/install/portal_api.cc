#include "install/portal_api.h"

#include <algorithm>
#include <string_view>
#include <thread>
#include <utility>

#include "base/log.h"
#include "base/metrics.h"
#include "bitrix24/answer.h"
#include "install/backoff.h"

namespace imrelay {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr milliseconds kShortestDelay{500};
constexpr seconds kLongestDelay{30};
// When a place in a rate that is used up may be free: one call takes that long at 2 a second.
constexpr milliseconds kNextPlace{500};
// A clock that was set back must not make patience endless.
constexpr int kMostRepeats = 50;
// Where the portal did not say how long.
constexpr seconds kFullFor{2};
constexpr minutes kBlockedFor{1};
constexpr std::size_t kMaxBlocked = 10000;

// The error of whoever kept the call from being sent: the tokens, the rate limit.
CallError ErrorOf(const Error& error) {
  const bool passes =
      error.code == ErrorCode::kUnavailable || error.code == ErrorCode::kRateLimited;
  const std::string_view otherwise = passes ? "unavailable" : "refused";
  CallError unsent{passes ? Fault::kLater : Fault::kForbidden,
                   error.reason.empty() ? std::string(otherwise) : error.reason, error.message};
  unsent.unsent = true;
  return unsent;
}

const char* WordOf(Fault fault) {
  switch (fault) {
    case Fault::kToken:
      return "token";
    case Fault::kMoved:
      return "moved";
    case Fault::kLater:
      return "later";
    case Fault::kRemoved:
      return "removed";
    case Fault::kForbidden:
      return "forbidden";
    case Fault::kPermanent:
      break;
  }
  return "permanent";
}

void SleepFor(milliseconds time) { std::this_thread::sleep_for(time); }

}  // namespace

// One call, through all its repeats.
struct PortalApi::Errand {
  const MemberId& member_id;
  const Call& call;
  TimePoint deadline;
  bool renewed = false;  // because the token was refused
  bool moved = false;    // the authorization server was asked for the address
};

PortalApi::PortalApi(Tokens& tokens, PortalCalls& calls, RateLimit& rate_limit, PortalStore& store,
                     const Clock& clock, Pause pause)
    : tokens_(tokens),
      calls_(calls),
      rate_limit_(rate_limit),
      store_(store),
      clock_(clock),
      pause_(pause ? std::move(pause) : SleepFor) {}

CallResult PortalApi::Send(const MemberId& member_id, const Call& call, milliseconds patience) {
  Errand errand{member_id, call, clock_.Now() + std::max(patience, milliseconds(0))};
  for (int repeats = 0;; ++repeats) {
    CallResult answer = SendOnce(errand);
    if (answer || answer.error().fault != Fault::kLater) return answer;
    // A guess of ours is of use only to whoever waits here.
    if (patience <= milliseconds(0)) return answer;
    const TimePoint now = clock_.Now();
    TimePoint again = now + Backoff(repeats, kShortestDelay, kLongestDelay);
    again = std::max(again, answer.error().not_before.value_or(again));
    answer.error().not_before = again;
    if (again > errand.deadline || repeats == kMostRepeats) return answer;
    pause_(again - now);
  }
}

CallResult PortalApi::SendOnce(Errand& errand) {
  Result<Tokens::Access> access = tokens_.Get(errand.member_id);
  while (true) {
    if (!access) return FailCall(ErrorOf(access.error()));
    CallResult answer = SendAs(*access, errand);
    if (answer) return answer;
    const Fault fault = answer.error().fault;
    if (fault == Fault::kRemoved) return Removed(*access, std::move(answer).error());
    if (fault != Fault::kToken && fault != Fault::kMoved) return answer;
    bool& asked = fault == Fault::kToken ? errand.renewed : errand.moved;
    if (asked) {
      // A pair or an address that was granted just now is refused: nothing that another would mend.
      answer.error().fault = Fault::kLater;
      return answer;
    }
    access = tokens_.Renew(errand.member_id, access->portal.chain);
    asked = access.has_value();
  }
}

CallResult PortalApi::SendAs(const Tokens::Access& access, const Errand& errand) {
  const PortalAccess& portal = access.portal;
  const MethodOfPortal method{portal.id, errand.call.method};
  TimePoint now = clock_.Now();
  if (const std::optional<TimePoint> until = BlockedUntil(method, now)) {
    CallError blocked{Fault::kLater, "operation_time_limit",
                      errand.call.method + " has used up its time there", until};
    blocked.unsent = true;
    return FailCall(std::move(blocked));
  }
  const auto left =
      std::max(milliseconds(0), std::chrono::duration_cast<milliseconds>(errand.deadline - now));
  const Result<milliseconds> wait = rate_limit_.Take(portal.id, left);
  if (!wait) {
    CallError full = ErrorOf(wait.error());
    if (wait.error().code == ErrorCode::kRateLimited) full.not_before = now + kNextPlace;
    return FailCall(std::move(full));
  }
  if (wait->count() > 0) pause_(*wait);
  CallResult answer = calls_.Send(portal.client_endpoint, access.access_token, errand.call);
  Count("imrelay_rest_calls_total", {{"method", errand.call.method},
                                     {"error", answer ? "none" : WordOf(answer.error().fault)}});
  if (!answer) Note(method, answer.error());
  return answer;
}

void PortalApi::Note(const MethodOfPortal& method, const CallError& error) {
  const TimePoint now = clock_.Now();
  if (error.word == "operation_time_limit") {
    const std::lock_guard guard(mutex_);
    std::erase_if(blocked_, [now](const auto& one) { return one.second <= now; });
    if (blocked_.size() < kMaxBlocked) {
      blocked_[method] = error.not_before.value_or(now + kBlockedFor);
    }
  } else if (error.word == "query_limit_exceeded" || error.word == "overload_limit") {
    const Status closed =
        rate_limit_.Close(method.first, error.not_before.value_or(now + kFullFor));
    // The call fails for later all the same; the next one only comes too early.
    if (!closed) {
      Log(LogLevel::kWarning, "rate limit", {{"because", closed.error().message}});
    }
  }
}

std::optional<TimePoint> PortalApi::BlockedUntil(const MethodOfPortal& method, TimePoint now) {
  const std::lock_guard guard(mutex_);
  const auto blocked = blocked_.find(method);
  if (blocked == blocked_.end() || blocked->second <= now) return std::nullopt;
  // Of a clock that was set back since.
  if (blocked->second > now + kLongestPause) return std::nullopt;
  return blocked->second;
}

CallResult PortalApi::Removed(const Tokens::Access& access, CallError error) {
  const PortalAccess& portal = access.portal;
  const Status marked = store_.MarkUninstalled(portal.id, portal.chain, clock_.Now());
  if (!marked) return FailCall(ErrorOf(marked.error()));
  const Result<std::optional<PortalAccess>> after = store_.FindAccess(portal.member_id);
  if (!after) return FailCall(ErrorOf(after.error()));
  if (*after && (*after)->status != PortalStatus::kUninstalled) {
    // Installed anew meanwhile: the next attempt goes out with those tokens.
    error.fault = Fault::kLater;
    return FailCall(std::move(error));
  }
  Log(LogLevel::kWarning, "portal uninstalled",
      {{"member_id", portal.member_id.value()}, {"reason", error.word}});
  return FailCall(std::move(error));
}

}  // namespace imrelay
