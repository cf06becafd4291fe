#pragma once

#include <chrono>

#include "base/clock.h"
#include "base/result.h"
#include "install/registrar.h"
#include "install/tokens.h"
#include "store/portal_store.h"

namespace imrelay {

// What keeps a portal working for years without anybody opening it: its registration is done after
// an installation, done again when what is wanted changed, and looked at once a day; its refresh
// token is renewed long before its 180 days end. Not thread-safe; one process at a time.
class Upkeep {
 public:
  Upkeep(PortalStore& store, Tokens& tokens, Registrar& registrar, const Clock& clock);

  // Takes care of the portal due longest, if any, and logs what it did. Returns whether there was
  // one. Errors: the store's.
  Result<bool> DoOne();

 private:
  PortalStore& store_;
  Tokens& tokens_;
  Registrar& registrar_;
  const Clock& clock_;
};

// The refresh token is renewed when it is this old. Source of the 180 days: b24restdocs,
// settings/oauth/index.md.
inline constexpr std::chrono::hours kRefreshTokenLife{180 * 24};
inline constexpr std::chrono::hours kRenewAfter{120 * 24};
inline constexpr std::chrono::hours kUpkeepEvery{24};

}  // namespace imrelay
