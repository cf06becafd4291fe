#include "delivery/portal_rounds.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/failpoint.h"
#include "bitrix24/message_methods.h"
#include "delivery/settled_counts.h"
#include "install/backoff.h"

namespace imrelay {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr milliseconds kLookPause{250};
// At once of one portal, confirmations aside: few, because these must not wait for them.
constexpr int kMostOthers = 4;
// A portal whose errand took longer is slow; all slow ones share half of the threads.
constexpr seconds kSlow{1};

constexpr seconds kShortestClosed{1};
constexpr minutes kLongestClosed{5};
constexpr minutes kShortestForbidden{1};
constexpr minutes kLongestForbidden{10};

const char* WordOf(Target target) {
  return target == Target::kConfirmation ? "confirmation" : "portal";
}

}  // namespace

PortalRounds::PortalRounds(Outbox& outbox, ErrandThreads& threads, LeaseHolder holder,
                           const Clock& clock)
    : outbox_(outbox), threads_(threads), holder_(holder), clock_(clock) {}

Result<milliseconds> PortalRounds::Round() {
  TakeOutcomes();
  const TimePoint now = clock_.Now();
  FollowClock(now);
  next_.reset();
  Asks asks;
  if (taking_ && busy_ < threads_.size()) {
    std::map<PortalId, Ready> ready;
    for (const Target target : {Target::kConfirmation, Target::kPortal}) {
      if (Status found = FindReady(target, now, ready); !found) {
        return Fail(std::move(found).error());
      }
    }
    asks = Choose(ready);
  }
  bool took = false;
  if (!settlements_.empty() || !asks.confirmations.empty()) {
    Result<bool> taken = TakeUp(Target::kConfirmation, asks.confirmations, now);
    if (!taken) return Fail(std::move(taken).error());
    took = *taken;
  }
  if (!asks.others.empty()) {
    Result<bool> taken = TakeUp(Target::kPortal, asks.others, now);
    if (!taken) return Fail(std::move(taken).error());
    took = took || *taken;
  }
  if (took) return milliseconds(0);
  milliseconds pause = kLookPause;
  if (next_) pause = std::min(pause, *next_ - now);
  return std::max(pause, milliseconds(1));
}

// What was closed until a time that the clock, which went back, has left again is open.
void PortalRounds::FollowClock(TimePoint now) {
  if (now < round_at_) {
    for (auto& [id, portal] : portals_) portal.closed_until = TimePoint();
    for (auto& [id, line] : lines_) line.closed_until = TimePoint();
  }
  round_at_ = now;
}

void PortalRounds::TakeOutcomes() {
  const TimePoint now = clock_.Now();
  for (PortalOutcome& outcome : threads_.TakeOutcomes()) {
    Failpoint("delivery.portal_answered");
    Note(outcome, now);
    std::move(outcome.settlements.begin(), outcome.settlements.end(),
              std::back_inserter(settlements_));
    for (std::string& kind : outcome.kinds) kinds_.emplace_back(outcome.target, std::move(kind));
  }
}

void PortalRounds::Note(const PortalOutcome& outcome, TimePoint now) {
  Portal& portal = portals_[outcome.portal];
  --busy_;
  if (portal.slow) --slow_busy_;
  portal.busy = false;
  portal.slow = outcome.took > kSlow;
  NoteLines(outcome, now);
  if (outcome.answered || !outcome.failed) portal.failures = 0;
  portal.others_next =
      outcome.target == Target::kConfirmation && (outcome.failed || !outcome.answered);
  if (!outcome.failed) return;
  // Where it said when to come again, that is believed, and no guess.
  if (outcome.not_before && !outcome.forbidden) {
    portal.closed_until = *outcome.not_before;
    return;
  }
  const milliseconds pause = outcome.forbidden
                                 ? Backoff(portal.failures, kShortestForbidden, kLongestForbidden)
                                 : Backoff(portal.failures, kShortestClosed, kLongestClosed);
  portal.closed_until = now + pause;
  ++portal.failures;
}

void PortalRounds::NoteLines(const PortalOutcome& outcome, TimePoint now) {
  for (const auto& [queue, news] : outcome.lines) {
    Line& line = lines_[queue];
    line.most = news.most.value_or(line.most);
    if (news.refused) {
      line.closed_until = now + Backoff(line.refusals, kShortestForbidden, kLongestForbidden);
      ++line.refusals;
    } else if (news.answered) {
      line.refusals = 0;
    }
    if (line.refusals == 0 && line.most == static_cast<int>(kMostConfirmations)) {
      lines_.erase(queue);
    }
  }
}

// When something of the queue may be sent, as far as its portal and line are known.
TimePoint PortalRounds::OpenAt(const ReadyQueue& queue) const {
  TimePoint open_at = queue.due;
  const auto portal = portals_.find(queue.portal);
  if (portal != portals_.end()) open_at = std::max(open_at, portal->second.closed_until);
  const auto line = lines_.find(queue.id);
  if (line != lines_.end()) open_at = std::max(open_at, line->second.closed_until);
  return open_at;
}

bool PortalRounds::IsOpen(const Portal& portal, TimePoint now) const {
  if (portal.busy || now < portal.closed_until) return false;
  return !portal.slow || slow_busy_ < std::max(1, threads_.size() / 2);
}

Status PortalRounds::FindReady(Target target, TimePoint now, std::map<PortalId, Ready>& ready) {
  Result<std::vector<ReadyQueue>> found = outbox_.FindReady(target);
  if (!found) return Fail(std::move(found).error());
  std::sort(found->begin(), found->end(),
            [](const ReadyQueue& a, const ReadyQueue& b) { return a.id < b.id; });
  for (const ReadyQueue& queue : *found) {
    const TimePoint open_at = OpenAt(queue);
    if (open_at > now) {
      next_ = std::min(next_.value_or(open_at), open_at);
      continue;
    }
    const auto known = portals_.find(queue.portal);
    if (known != portals_.end() && !IsOpen(known->second, now)) continue;
    Ready& of_portal = ready[queue.portal];
    (target == Target::kConfirmation ? of_portal.confirmations : of_portal.others)
        .push_back(queue.id);
  }
  return {};
}

// The portals that are served now, in turn: confirmations of one line where there are any, else a
// few others. Confirmations that were not taken let others go first once.
PortalRounds::Asks PortalRounds::Choose(const std::map<PortalId, Ready>& ready) {
  Asks asks;
  int slow = slow_busy_;
  int places = threads_.size() - busy_;
  auto next = ready.upper_bound(last_);
  for (std::size_t i = 0; i < ready.size() && places > 0; ++i, ++next) {
    if (next == ready.end()) next = ready.begin();
    Portal& portal = portals_[next->first];
    if (portal.slow && slow >= std::max(1, threads_.size() / 2)) continue;
    if (portal.slow) ++slow;
    --places;
    last_ = next->first;
    const Ready& of_portal = next->second;
    const bool others = portal.others_next && !of_portal.others.empty();
    if (!of_portal.confirmations.empty() && !others) {
      for (Ask ask : portal.confirmations.Share(of_portal.confirmations, 1)) {
        const auto line = lines_.find(ask.queue);
        ask.most = line == lines_.end() ? Line().most : line->second.most;
        asks.confirmations.push_back(ask);
      }
    } else {
      for (const Ask& ask : portal.others.Share(of_portal.others, kMostOthers)) {
        asks.others.push_back(ask);
      }
    }
  }
  return asks;
}

// Records what there is to record, too.
Result<bool> PortalRounds::TakeUp(Target target, const std::vector<Ask>& asks, TimePoint now) {
  Result<std::vector<Delivery>> taken = outbox_.Turn(settlements_, target, asks, holder_, now);
  if (!taken) return Fail(std::move(taken).error());
  for (std::size_t i = 0; i < settlements_.size(); ++i) {
    CountSettled(WordOf(kinds_[i].first), kinds_[i].second, settlements_[i]);
  }
  settlements_.clear();
  kinds_.clear();
  if (!taken->empty()) Failpoint("delivery.portal_leased");
  std::map<PortalId, PortalErrand> errands;
  for (Delivery& delivery : *taken) {
    PortalErrand& errand = errands[delivery.portal];
    errand.portal = delivery.portal;
    errand.target = target;
    errand.most = static_cast<int>(kMostConfirmations);
    if (const auto line = lines_.find(delivery.queue); line != lines_.end()) {
      errand.most = line->second.most;
    }
    errand.deliveries.push_back(std::move(delivery));
  }
  for (auto& [id, errand] : errands) {
    Portal& portal = portals_[id];
    portal.busy = true;
    ++busy_;
    if (portal.slow) ++slow_busy_;
    threads_.Give(std::move(errand));
  }
  return !taken->empty();
}

}  // namespace imrelay
