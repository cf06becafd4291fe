#include "install/upkeep.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "install/backoff.h"

namespace imrelay {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr hours kLookAtAllEvery{1};
constexpr minutes kShortestDelay{5};
// Somebody else, a page most likely, has the portal in hand.
constexpr minutes kAgainWhenBusy{5};

bool IsBusy(const std::vector<Step>& steps) {
  return steps.size() == 1 && !steps[0].done && steps[0].word == "locked";
}

// Something of a former registration of ours was in the way.
bool Mended(const std::vector<Step>& steps) {
  return std::any_of(steps.begin(), steps.end(),
                     [](const Step& step) { return step.what.starts_with("stale "); });
}

}  // namespace

Upkeep::Upkeep(PortalStore& store, Tokens& tokens, Registrar& registrar, const Clock& clock)
    : store_(store), tokens_(tokens), registrar_(registrar), clock_(clock) {}

Result<bool> Upkeep::DoOne() {
  const TimePoint now = clock_.Now();
  const bool look =
      !looked_at_all_ || now < *looked_at_all_ || now - *looked_at_all_ >= kLookAtAllEvery;
  if (look) {
    if (Status looked = LookAtAll(now); !looked) return Fail(std::move(looked).error());
    looked_at_all_ = now;
  }
  Result<std::vector<PortalAccess>> due = store_.DueForUpkeep(now, 1);
  if (!due) return Fail(std::move(due).error());
  if (due->empty()) return false;
  const PortalAccess& portal = due->front();
  // First: what cannot be recorded must not be done again and again.
  Status done = store_.ScheduleUpkeep(portal, now + kShortestDelay);
  if (!done) return Fail(std::move(done).error());
  if (Status renewed = RenewIfOld(portal, now); !renewed) {
    done = Postpone(portal, NoteFailure(portal, "tokens", renewed.error().reason));
  } else {
    done = Register(portal);
  }
  if (!done) return Fail(std::move(done).error());
  return true;
}

// Has portals looked after whose registration is not what is wanted: the configuration changed, or
// another worker had a former one. One that fails goes on waiting, unless this is a new process:
// then whatever was in its way may have been mended.
Status Upkeep::LookAtAll(TimePoint now) {
  const bool first = !looked_at_all_;
  Result<std::vector<PortalAccess>> portals = store_.ListAccess();
  if (!portals) return Fail(std::move(portals).error());
  for (const PortalAccess& portal : *portals) {
    if (portal.status == PortalStatus::kDead && first) {
      Log(LogLevel::kWarning, "portal dead",
          {{"member_id", portal.member_id.value()},
           {"domain", portal.domain},
           {"reason", portal.dead_reason},
           {"mend", "open the application in Bitrix24"}});
    }
    if (portal.status != PortalStatus::kActive) continue;
    const Result<Registration> known = store_.FindRegistration(portal.id);
    if (!known) return Fail(known.error());
    const bool wanted = known->problem.empty()
                            ? known->fingerprint != registrar_.Fingerprint(portal.application)
                            : first;
    if (!wanted) continue;
    if (Status due = store_.ScheduleUpkeep(portal, now); !due) return due;
  }
  return {};
}

Status Upkeep::RenewIfOld(const PortalAccess& portal, TimePoint now) {
  if (!portal.tokens_granted_at || now - *portal.tokens_granted_at < kRenewAfter) return {};
  const Result<Tokens::Access> renewed = tokens_.Renew(portal.member_id, portal.chain);
  if (renewed) return {};
  const Error& error = renewed.error();
  return Fail(error.code, error.message, error.reason.empty() ? "unavailable" : error.reason);
}

Status Upkeep::Register(const PortalAccess& portal) {
  const Result<Registration> before = store_.FindRegistration(portal.id);
  if (!before) return Fail(before.error());
  const std::vector<Step> steps = registrar_.Ensure(portal, kUpkeepPatience);
  if (IsBusy(steps)) return store_.ScheduleUpkeep(portal, clock_.Now() + kAgainWhenBusy);
  const auto failed =
      std::find_if(steps.begin(), steps.end(), [](const Step& step) { return !step.done; });
  if (failed != steps.end()) {
    const int failures = NoteFailure(portal, failed->what, failed->word);
    // The registrar has set a time for the first repeat: the portal's own where it told one.
    return failures == 0 ? Status() : Postpone(portal, failures);
  }
  const bool as_before =
      before->problem.empty() && before->fingerprint == registrar_.Fingerprint(portal.application);
  if (!as_before || Mended(steps) || failing_.contains(portal.id)) {
    Log(LogLevel::kInfo, "portal registered",
        {{"member_id", portal.member_id.value()},
         {"domain", portal.domain},
         {"steps", std::to_string(steps.size())}});
  }
  return Succeeded(portal);
}

int Upkeep::NoteFailure(const PortalAccess& portal, const std::string& what,
                        const std::string& reason) {
  Failing& failing = failing_[portal.id];
  if (failing.times == 0 || failing.reason != reason) {
    Log(LogLevel::kWarning, "portal upkeep",
        {{"outcome", "postponed"},
         {"member_id", portal.member_id.value()},
         {"at", what},
         {"reason", reason}});
  }
  failing.reason = reason;
  return failing.times++;
}

Status Upkeep::Postpone(const PortalAccess& portal, int failures) {
  return store_.ScheduleUpkeep(portal,
                               clock_.Now() + Backoff(failures, kShortestDelay, kUpkeepEvery));
}

Status Upkeep::Succeeded(const PortalAccess& portal) {
  failing_.erase(portal.id);
  // Less up to a quarter, so that portals that were installed together do not come together.
  return store_.ScheduleUpkeep(portal, clock_.Now() + Backoff(0, kUpkeepEvery, kUpkeepEvery));
}

}  // namespace imrelay
