#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "install/registrar.h"
#include "install/tokens.h"
#include "store/portal_store.h"

namespace imrelay {

// What keeps a portal working for years without anybody opening it: its registration is done after
// an installation, done again when what is wanted changed, and looked at every week; its refresh
// token is renewed long before its 180 days end. Not thread-safe; one process at a time.
class Upkeep {
 public:
  Upkeep(PortalStore& store, Tokens& tokens, Registrar& registrar, const Clock& clock);

  // Takes care of the portal due longest, if any, and logs what changed: a registration that was
  // done or begins to fail, not every try. The first call also has everything looked at that may
  // have changed while nobody was there, and tells of dead portals; that is repeated now and then.
  // Returns whether a portal was due. Takes kUpkeepPatience and the time-outs of one call and one
  // refresh at most.
  // Errors: the store's.
  Result<bool> DoOne();

 private:
  struct Failing {
    int times = 0;
    std::string reason;
  };

  Status LookAtAll(TimePoint now);
  Status RenewIfOld(const PortalAccess& portal, TimePoint now);
  Status Register(const PortalAccess& portal);
  // Returns how often it had failed before.
  int NoteFailure(const PortalAccess& portal, const std::string& what, const std::string& reason);
  Status Postpone(const PortalAccess& portal, int failures);
  Status Succeeded(const PortalAccess& portal);

  PortalStore& store_;
  Tokens& tokens_;
  Registrar& registrar_;
  const Clock& clock_;
  std::optional<TimePoint> looked_at_all_;
  std::map<PortalId, Failing> failing_;
};

// The refresh token is renewed when it is this old. Source of the 180 days: b24restdocs,
// settings/oauth/index.md.
inline constexpr std::chrono::hours kRefreshTokenLife{180 * 24};
inline constexpr std::chrono::hours kRenewAfter{120 * 24};
// Each look refreshes the tokens of a silent portal: hourly or daily "may be blocked by automation"
// (the same page).
inline constexpr std::chrono::hours kUpkeepEvery{7 * 24};
// Short, because a worker that is told to stop waits for it; a portal that is slower is registered
// in several attempts.
inline constexpr std::chrono::seconds kUpkeepPatience{10};

}  // namespace imrelay
