#include "install/prover.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/failpoint.h"
#include "base/log.h"
#include "bitrix24/endpoint.h"
#include "install/backoff.h"
#include "install/grant.h"

namespace imrelay {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr seconds kShortestDelay{1};
constexpr seconds kLongestDelay{3600};
// Nothing is away then, and the configuration may be mended at any moment.
constexpr seconds kDelayWhileNotConfigured{60};
// An access token that is about to run out is not worth asking with.
constexpr minutes kLeastLife{5};
constexpr std::size_t kMaxHeldGrants = 64;

constexpr const char* kNotConfigured = "not_configured";

std::string ReasonOf(const Error& error) {
  return error.reason.empty() ? "unavailable" : error.reason;
}

bool HasExpired(const ProvenInstallation& granted, TimePoint now) {
  return granted.token_expires_at && *granted.token_expires_at - now < kLeastLife;
}

}  // namespace

// What becomes of an installation for now.
struct Prover::Verdict {
  enum class Outcome { kAccepted, kRefused, kPostponed };

  static Verdict Accept(ProvenInstallation proven) {
    return {Outcome::kAccepted, {}, std::move(proven)};
  }
  static Verdict Refuse(std::string reason) { return {Outcome::kRefused, std::move(reason), {}}; }
  static Verdict Postpone(std::string reason) {
    return {Outcome::kPostponed, std::move(reason), {}};
  }

  Outcome outcome;
  std::string reason;         // of kRefused and kPostponed
  ProvenInstallation proven;  // of kAccepted
};

Prover::Prover(Store& store, const Keyring& keyring, AuthorizationServer& authorization_server,
               PortalCalls& portal_calls, Applications applications, const Clock& clock)
    : store_(store),
      keyring_(keyring),
      authorization_server_(authorization_server),
      portal_calls_(portal_calls),
      applications_(std::move(applications)),
      clock_(clock) {}

Result<bool> Prover::ProveOne() {
  const TimePoint now = clock_.Now();
  if (!MayBegin(now)) return false;
  Result<std::optional<InstallationWork>> work = store_.TakeInstallation(now);
  if (!work) return Fail(std::move(work).error());
  if (!work->has_value()) return false;
  begun_.push_back(now);
  Result<Verdict> verdict = Prove(**work);
  if (!verdict) return Fail(std::move(verdict).error());
  if (verdict->outcome == Verdict::Outcome::kPostponed &&
      now - (*work)->received_at > kOldestInstallation) {
    *verdict = Verdict::Refuse("expired");
  }
  if (Status settled = Settle(**work, *verdict); !settled) {
    return Fail(std::move(settled).error());
  }
  return true;
}

bool Prover::MayBegin(TimePoint now) {
  // Times to come are those of a clock that was set back since.
  const auto is_past = [now](TimePoint begun) { return begun > now || now - begun >= minutes(1); };
  begun_.erase(std::remove_if(begun_.begin(), begun_.end(), is_past), begun_.end());
  return begun_.size() < static_cast<std::size_t>(kProofsPerMinute);
}

Result<Prover::Verdict> Prover::Prove(InstallationWork work) {
  if (work.sealed_refresh_token.empty()) return Verdict::Refuse("no_refresh_token");
  const ApplicationCredentials* application = CredentialsFor(work);
  if (application == nullptr) return Verdict::Postpone(kNotConfigured);
  if (const auto held = held_.find(work.id); held != held_.end()) {
    // The database was away when this was granted.
    if (Status kept = Keep(work, ProvenInstallation(held->second)); !kept) {
      return Fail(std::move(kept).error());
    }
  }
  if (work.granted && !HasExpired(*work.granted, clock_.Now())) {
    Verdict verdict = Confirm(work, *work.granted);
    if (verdict.reason != "expired_token") return verdict;
  }
  Result<Secret> refresh_token =
      keyring_.Unseal(work.sealed_refresh_token, SealPurpose("refresh_token", work.member_id));
  // The key file may come back from its copy.
  if (!refresh_token) return Verdict::Postpone(refresh_token.error().reason);
  // Before, not after: otherwise a crash in between would look like a token that somebody else
  // used, and the installation would be refused.
  if (Status recorded = store_.RecordRefreshSent(work.id, clock_.Now()); !recorded) {
    return Fail(std::move(recorded).error());
  }
  Failpoint("install.refresh_recorded");
  Result<TokenGrant> grant =
      authorization_server_.Refresh(*application, *refresh_token, work.server_endpoint);
  if (!grant) return AfterRefusal(work, grant.error());
  Failpoint("install.granted");
  if (grant->member_id != work.member_id) return Verdict::Refuse("member_mismatch");
  const std::optional<Endpoint> endpoint = ParseEndpoint(grant->client_endpoint);
  if (!endpoint) return Verdict::Refuse("address_refused");
  if (Status kept = Keep(work, SealGrant(keyring_, work.member_id, *grant, endpoint->authority));
      !kept) {
    return Fail(std::move(kept).error());
  }
  Failpoint("install.grant_kept");
  return Confirm(work, *work.granted);
}

const ApplicationCredentials* Prover::CredentialsFor(const InstallationWork& work) const {
  const auto found = applications_.find(work.application);
  const bool configured = found != applications_.end() && !found->second.client_id.empty() &&
                          !found->second.client_secret.empty();
  return configured ? &found->second : nullptr;
}

Prover::Verdict Prover::AfterRefusal(const InstallationWork& work, const Error& refusal) {
  if (refusal.code != ErrorCode::kUnauthenticated) return Verdict::Postpone(ReasonOf(refusal));
  if (refusal.reason == "invalid_grant" && work.refresh_was_sent) return ProveByAccessToken(work);
  // Never sent by us before, so somebody else used it: a replay, or a forgery.
  return Verdict::Refuse(ReasonOf(refusal));
}

Status Prover::Keep(InstallationWork& work, ProvenInstallation granted) {
  if (Status recorded = store_.RecordGrant(work.id, granted); !recorded) {
    if (held_.size() < kMaxHeldGrants) held_[work.id] = std::move(granted);
    return recorded;
  }
  held_.erase(work.id);
  work.sealed_access_token = granted.sealed_access_token;
  work.sealed_refresh_token = granted.sealed_refresh_token;
  work.refresh_was_sent = true;
  work.granted = std::move(granted);
  return {};
}

Prover::Verdict Prover::Confirm(const InstallationWork& work, const ProvenInstallation& granted) {
  const Result<Secret> access_token =
      keyring_.Unseal(granted.sealed_access_token, SealPurpose("access_token", work.member_id));
  if (!access_token) return Verdict::Postpone(access_token.error().reason);
  return CheckAdministrator(granted, *access_token);
}

Prover::Verdict Prover::ProveByAccessToken(const InstallationWork& work) {
  if (work.sealed_access_token.empty()) return Verdict::Refuse("invalid_grant");
  const std::string purpose = SealPurpose("access_token", work.member_id);
  const Result<Secret> access_token = keyring_.Unseal(work.sealed_access_token, purpose);
  if (!access_token) return Verdict::Postpone(access_token.error().reason);
  const Result<TokenOwner> owner =
      authorization_server_.AppInfo(*access_token, work.server_endpoint);
  if (!owner) {
    if (owner.error().code != ErrorCode::kUnauthenticated) {
      return Verdict::Postpone(ReasonOf(owner.error()));
    }
    // A refresh ends the access token beside it as well, so both may be used up by our own lost
    // answer. What waits must outlive that: whoever opens the application brings other tokens.
    if (work.token_is_proven) return Verdict::Refuse("tokens_lost");
    return Verdict::Postpone("tokens_lost");
  }
  const ApplicationCredentials* application = CredentialsFor(work);
  if (application == nullptr) return Verdict::Postpone(kNotConfigured);
  if (owner->client_id && *owner->client_id != application->client_id) {
    return Verdict::Refuse("client_mismatch");
  }
  const std::optional<Endpoint> endpoint = ParseEndpoint(owner->portal_url);
  if (!endpoint) return Verdict::Refuse("address_refused");
  // An administrator of any portal that installed us has an access token that works, and must not
  // pass it off as another portal's. The member_id tells; where the answer lacks it (its schema is
  // undocumented), a portal we know must at least still be at its address.
  const bool same_portal = owner->member_id
                               ? *owner->member_id == work.member_id
                               : !work.known_domain || *work.known_domain == endpoint->authority;
  if (!same_portal) return Verdict::Refuse("member_mismatch");
  ProvenInstallation proven;
  proven.client_endpoint = endpoint->Origin() + "/rest/";
  proven.domain = endpoint->authority;
  proven.sealed_access_token = keyring_.Seal(*access_token, purpose);
  return CheckAdministrator(std::move(proven), *access_token);
}

Prover::Verdict Prover::CheckAdministrator(ProvenInstallation proven, const Secret& access_token) {
  const CallResultOf<TokenUser> user = portal_calls_.Profile(proven.client_endpoint, access_token);
  if (!user) {
    // A portal that was renamed this minute is at its new address in the next answer of the
    // authorization server, or the old address works again.
    const bool passes = user.error().fault == Fault::kLater || user.error().fault == Fault::kMoved;
    if (passes) return Verdict::Postpone(user.error().word);
    return Verdict::Refuse(user.error().word);
  }
  if (!user->administrator) return Verdict::Refuse("not_admin");
  return Verdict::Accept(std::move(proven));
}

Status Prover::Settle(const InstallationWork& work, const Verdict& verdict) {
  const TimePoint now = clock_.Now();
  if (verdict.outcome == Verdict::Outcome::kPostponed) return Postpone(work, verdict.reason, now);
  if (verdict.outcome == Verdict::Outcome::kRefused) {
    Status status = store_.RefuseInstallation(work.id, verdict.reason, now);
    if (!status) return status;
    Log(LogLevel::kWarning, "installation",
        {{"outcome", "refused"},
         {"member_id", work.member_id.value()},
         {"reason", verdict.reason}});
  } else {
    Status status = store_.AcceptInstallation(work.id, verdict.proven, now);
    if (!status) return status;
    Log(LogLevel::kInfo, "installation",
        {{"outcome", "accepted"},
         {"member_id", work.member_id.value()},
         {"domain", verdict.proven.domain},
         {"reason",
          verdict.proven.sealed_refresh_token.empty() ? "refresh_token_lost" : "proven"}});
  }
  held_.erase(work.id);
  return {};
}

Status Prover::Postpone(const InstallationWork& work, const std::string& reason, TimePoint now) {
  const milliseconds delay = reason == kNotConfigured
                                 ? milliseconds(kDelayWhileNotConfigured)
                                 : Backoff(work.attempts, kShortestDelay, kLongestDelay);
  Status status = store_.PostponeInstallation(work.id, reason, now + delay);
  if (!status) return status;
  Log(LogLevel::kWarning, "installation",
      {{"outcome", "postponed"},
       {"member_id", work.member_id.value()},
       {"reason", reason},
       {"due", FormatUtc(now + delay)}});
  return {};
}

}  // namespace imrelay
