#include "install/grant.h"

#include <cstdint>
#include <optional>

namespace imrelay {
namespace {

std::optional<TimePoint> ExpiryOf(const TokenGrant& grant) {
  constexpr std::int64_t kYear3000 = 32503680000;
  if (!grant.expires || *grant.expires <= 0 || *grant.expires > kYear3000) return std::nullopt;
  return FromUnixSeconds(*grant.expires);
}

}  // namespace

ProvenInstallation SealGrant(const Keyring& keyring, const MemberId& member_id,
                             const TokenGrant& grant, const std::string& domain) {
  ProvenInstallation granted;
  granted.client_endpoint = grant.client_endpoint;
  granted.domain = domain;
  granted.scope = grant.scope;
  granted.sealed_access_token =
      keyring.Seal(grant.access_token, SealPurpose("access_token", member_id));
  granted.sealed_refresh_token =
      keyring.Seal(grant.refresh_token, SealPurpose("refresh_token", member_id));
  granted.token_expires_at = ExpiryOf(grant);
  granted.server_endpoint = grant.server;
  return granted;
}

}  // namespace imrelay
