#include "install/tokens.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>
#include <vector>

#include "base/failpoint.h"
#include "base/log.h"
#include "bitrix24/endpoint.h"
#include "install/grant.h"

namespace imrelay {
namespace {

using std::chrono::seconds;

constexpr seconds kLeastLife{60};
// Whoever refreshes needs the time-out of the authorization servers and one of the database.
constexpr seconds kLongestWait{25};

// Refusals that no later attempt with the same token changes. What lies in the portal (a plan that
// ran out) may pass.
constexpr std::string_view kFinal[] = {"invalid_grant", "expired_token", "invalid_token",
                                       "bad_verification_code"};

Error Dead(const PortalAccess& portal) {
  return {ErrorCode::kUnauthenticated,
          "the tokens of " + portal.member_id.value() + " work no more (" + portal.dead_reason +
              "); open the application there",
          "token_dead"};
}

}  // namespace

Tokens::Tokens(PortalStore& store, const Keyring& keyring,
               AuthorizationServer& authorization_server, Applications applications,
               std::string lock_file, const Clock& clock)
    : store_(store),
      keyring_(keyring),
      authorization_server_(authorization_server),
      applications_(std::move(applications)),
      lock_file_(std::move(lock_file)),
      clock_(clock) {}

Tokens::~Tokens() {
  const Result<bool> committed = CommitHeld();
  if (committed) return;
  for (const auto& [id, held] : held_) {
    Log(LogLevel::kError, "tokens lost",
        {{"member_id", held.portal.member_id.value()}, {"because", committed.error().message}});
  }
}

Result<bool> Tokens::CommitHeld() {
  std::vector<PortalId> portals;
  {
    const std::lock_guard guard(mutex_);
    for (const auto& [id, held] : held_) portals.push_back(id);
  }
  for (const PortalId portal : portals) {
    std::optional<Held> held = TakeHeld(portal);
    if (!held) continue;
    const Result<bool> kept =
        store_.ReplaceTokens(portal, held->portal.chain, held->granted, clock_.Now());
    // A portal that has another pair by now needs this one no more.
    if (kept) continue;
    const std::lock_guard guard(mutex_);
    held_.emplace(portal, *std::move(held));
    return Fail(kept.error());
  }
  return false;
}

Result<Tokens::Access> Tokens::Get(const MemberId& member_id) {
  Result<PortalAccess> portal = Find(member_id);
  if (!portal) return Fail(std::move(portal).error());
  const bool runs_out =
      portal->token_expires_at && *portal->token_expires_at - clock_.Now() < kLeastLife;
  if (runs_out || IsHeld(portal->id)) return Renew(member_id, portal->chain);
  return Opened(*std::move(portal));
}

Result<Tokens::Access> Tokens::Renew(const MemberId& member_id, std::int64_t chain) {
  Result<PortalAccess> portal = Find(member_id);
  if (!portal) return Fail(std::move(portal).error());
  if (portal->chain != chain) return Opened(*std::move(portal));
  if (std::optional<Held> held = TakeHeld(portal->id)) return Keep(*std::move(held));
  Result<FileLock> lock = FileLock::Wait(lock_file_, portal->id.value(), kLongestWait);
  if (!lock) return Fail(std::move(lock).error());
  // Whoever had the lock may have brought a new pair.
  portal = Find(member_id);
  if (!portal) return Fail(std::move(portal).error());
  if (portal->chain != chain) return Opened(*std::move(portal));
  return Refresh(*std::move(portal), *std::move(lock));
}

// A portal whose tokens are worth trying.
Result<PortalAccess> Tokens::Find(const MemberId& member_id) const {
  Result<std::optional<PortalAccess>> found = store_.FindAccess(member_id);
  if (!found) return Fail(std::move(found).error());
  if (!*found) {
    return Fail(ErrorCode::kNotFound, "no portal " + member_id.value(), "unknown_portal");
  }
  PortalAccess portal = **std::move(found);
  switch (portal.status) {
    case PortalStatus::kActive:
      return portal;
    case PortalStatus::kDead:
      return Fail(Dead(portal));
    case PortalStatus::kPending:
      return Fail(ErrorCode::kNotFound, "no installation of " + member_id.value() + " is proven",
                  "not_installed");
    case PortalStatus::kUninstalled:
      break;
  }
  return Fail(ErrorCode::kNotFound, member_id.value() + " has uninstalled the application",
              "uninstalled");
}

Result<Tokens::Access> Tokens::Opened(PortalAccess portal) const {
  Result<Secret> token =
      keyring_.Unseal(portal.sealed_access_token, SealPurpose("access_token", portal.member_id));
  // The key file may come back from its copy.
  if (!token) {
    return Fail(ErrorCode::kUnavailable, token.error().message, token.error().reason);
  }
  return Access{std::move(portal), *std::move(token)};
}

Result<Tokens::Access> Tokens::Refresh(PortalAccess portal, FileLock lock) {
  if (portal.sealed_refresh_token.empty()) return Fail(MarkDead(portal, "refresh_token_lost"));
  const auto application = applications_.find(portal.application);
  if (application == applications_.end()) {
    return Fail(ErrorCode::kInternal,
                "the application \"" + portal.application + "\" is not configured",
                "not_configured");
  }
  {
    const std::lock_guard guard(mutex_);
    if (held_.size() >= kMaxHeldPairs) {
      return Fail(ErrorCode::kUnavailable, "new tokens wait for the database", "tokens_held");
    }
  }
  const Result<Secret> refresh_token =
      keyring_.Unseal(portal.sealed_refresh_token, SealPurpose("refresh_token", portal.member_id));
  if (!refresh_token) {
    return Fail(ErrorCode::kUnavailable, refresh_token.error().message,
                refresh_token.error().reason);
  }
  const Result<TokenGrant> grant =
      authorization_server_.Refresh(application->second, *refresh_token, portal.server_endpoint);
  if (!grant) return Fail(AfterRefusal(portal, grant.error()));
  const std::optional<Endpoint> endpoint = ParseEndpoint(grant->client_endpoint);
  if (grant->member_id != portal.member_id || !endpoint) {
    Log(LogLevel::kError, "tokens of another portal",
        {{"member_id", portal.member_id.value()}, {"granted_for", grant->member_id.value()}});
    return Fail(ErrorCode::kUnavailable, "the authorization server answered for another portal",
                "member_mismatch");
  }
  ProvenInstallation granted = SealGrant(keyring_, portal.member_id, *grant, endpoint->authority);
  Failpoint("install.refreshed");
  return Keep({std::move(portal), std::move(granted), std::move(lock)});
}

Result<Tokens::Access> Tokens::Keep(Held held) {
  const TimePoint now = clock_.Now();
  const Result<bool> kept =
      store_.ReplaceTokens(held.portal.id, held.portal.chain, held.granted, now);
  if (!kept) {
    const Error error = kept.error();
    const PortalId id = held.portal.id;
    const std::lock_guard guard(mutex_);
    held_.emplace(id, std::move(held));
    return Fail(ErrorCode::kUnavailable, error.message, error.reason);
  }
  Failpoint("install.refresh_kept");
  const MemberId member_id = held.portal.member_id;
  // By the row: it has this pair now, or a newer one of an installation.
  Result<PortalAccess> portal = Find(member_id);
  if (!portal) return Fail(std::move(portal).error());
  return Opened(*std::move(portal));
}

Error Tokens::AfterRefusal(const PortalAccess& portal, const Error& refusal) {
  if (refusal.code != ErrorCode::kUnauthenticated) return refusal;
  if (std::find(std::begin(kFinal), std::end(kFinal), refusal.reason) != std::end(kFinal)) {
    return MarkDead(portal, refusal.reason);
  }
  return {ErrorCode::kUnavailable, refusal.message, refusal.reason};
}

Error Tokens::MarkDead(const PortalAccess& portal, const std::string& reason) {
  const Status marked = store_.MarkDead(portal.id, portal.chain, reason, clock_.Now());
  if (!marked) return marked.error();
  Log(LogLevel::kError, "portal dead",
      {{"member_id", portal.member_id.value()},
       {"domain", portal.domain},
       {"reason", reason},
       {"mend", "open the application in Bitrix24"}});
  PortalAccess dead = portal;
  dead.dead_reason = reason;
  return Dead(dead);
}

std::optional<Tokens::Held> Tokens::TakeHeld(PortalId portal) {
  const std::lock_guard guard(mutex_);
  const auto found = held_.find(portal);
  if (found == held_.end()) return std::nullopt;
  std::optional<Held> held(std::move(found->second));
  held_.erase(found);
  return held;
}

bool Tokens::IsHeld(PortalId portal) {
  const std::lock_guard guard(mutex_);
  return held_.contains(portal);
}

}  // namespace imrelay
