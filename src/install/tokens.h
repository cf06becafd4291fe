#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/file_lock.h"
#include "base/result.h"
#include "base/secret.h"
#include "bitrix24/authorization_server.h"
#include "crypto/keyring.h"
#include "install/applications.h"
#include "store/portal_store.h"

namespace imrelay {

// The tokens of the portals. A refresh token works once, so one thread of one process refreshes a
// portal's at a time, and the new pair is on disk before it is used. Refreshed on demand only: an
// hourly schedule "may be blocked by automation" (b24restdocs, settings/oauth/index.md).
//
// A crash between the answer of the authorization server and our commit loses the pair: the next
// refresh is refused, the portal is dead and says so, and the next installation (somebody opens the
// application) heals it. Where only the database was away, the pair is held, with its lock, and
// committed later. Thread-safe.
class Tokens {
 public:
  // `lock_file`: see FileLock; one slot a portal.
  Tokens(PortalStore& store, const Keyring& keyring, AuthorizationServer& authorization_server,
         Applications applications, std::string lock_file, const Clock& clock);
  ~Tokens();  // tries once more to commit what is held
  Tokens(const Tokens&) = delete;
  Tokens& operator=(const Tokens&) = delete;

  struct Access {
    PortalAccess portal;
    Secret access_token;
  };

  // The portal's access token, refreshed first when it runs out within a minute.
  // Errors, with the reason: kNotFound (unknown_portal, not_installed, uninstalled);
  // kUnauthenticated (token_dead: the portal is dead, an installation heals it); kInternal
  // (not_configured, invalid_client: our own client id or secret is wrong; nothing is marked dead);
  // kUnavailable: ask again later.
  Result<Access> Get(const MemberId& member_id);

  // A newer pair than `chain`: the one there is, if another brought it meanwhile, else refreshed.
  // Errors: as Get.
  Result<Access> Renew(const MemberId& member_id, std::int64_t chain);

  // Commits the pairs whose commit failed, so that other processes may go on with their portals;
  // call it every second or so. Returns false when none is left. Errors: the store's; the pairs
  // stay.
  Result<bool> CommitHeld();

 private:
  // A pair that could not be committed yet. The lock keeps others from spoiling the chain.
  struct Held {
    PortalAccess portal;
    ProvenInstallation granted;
    FileLock lock;
  };

  Result<PortalAccess> Find(const MemberId& member_id) const;
  Result<Access> Opened(PortalAccess portal) const;
  Result<Access> Refresh(PortalAccess portal, FileLock lock);
  Result<Access> Keep(Held held);
  Error AfterRefusal(const PortalAccess& portal, const Error& refusal);
  Error MarkDead(const PortalAccess& portal, const std::string& reason);
  std::optional<Held> TakeHeld(PortalId portal);
  bool IsHeld(PortalId portal);

  PortalStore& store_;
  const Keyring& keyring_;
  AuthorizationServer& authorization_server_;
  const Applications applications_;
  const std::string lock_file_;
  const Clock& clock_;
  std::mutex mutex_;
  std::map<PortalId, Held> held_;
};

// No refresh is begun while more pairs than this wait for the database.
inline constexpr std::size_t kMaxHeldPairs = 64;

}  // namespace imrelay
