#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "domain/ids.h"

namespace imrelay {

// A keyed hash of an application_token: what the database keeps instead of the token.
using TokenHash = std::array<std::uint8_t, 32>;

enum class PortalStatus {
  kPending,      // an installation was posted and is not proven yet
  kActive,       // proven, and its tokens work
  kDead,         // proven, but its tokens work no more: the application must be re-opened there
  kUninstalled,  // gone; its events are refused
};

// What a token of a portal is sealed or hashed for: something sealed for one portal or use does not
// open for another. `what` is "access_token", "refresh_token" or "application_token".
std::string SealPurpose(std::string_view what, const MemberId& member_id);

// An installation whose proof is outstanding, as far as an event needs to know it.
struct WaitingInstallation {
  InstallationId id;
  TokenHash token;
};

// A Bitrix24 that installed us: what is needed to tell whether an event is its own.
struct Portal {
  PortalId id;
  MemberId member_id;
  PortalStatus status = PortalStatus::kPending;
  std::string application;  // the name of the one it installed; "" is the unnamed one
  // Grows whenever anything here changes. What was planned on an older one is planned anew.
  std::int64_t revision = 0;
  std::optional<TokenHash> token;            // proven
  std::optional<TokenHash> previous_token;   // counts until the first event with `token`
  std::optional<std::int64_t> installed_ts;  // `ts` of the proven installation, the portal's clock
  std::vector<WaitingInstallation> waiting;
};

// What a proven installation is worth. All of it comes from the authorization server and the
// portal it names, nothing from the event. Tokens are sealed.
struct ProvenInstallation {
  std::string client_endpoint;
  std::string domain;  // host of client_endpoint
  std::string scope;   // comma separated
  std::string sealed_access_token;
  std::string sealed_refresh_token;  // empty: it was used up, the portal must be re-opened
  std::optional<TimePoint> token_expires_at;
  // Base URL of the authorization server that granted them; empty when none did.
  std::string server_endpoint = {};
};

}  // namespace imrelay
