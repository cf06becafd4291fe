#pragma once

#include "admin/doctor.h"
#include "app/config.h"
#include "install/applications.h"
#include "install/portal_api.h"
#include "install/registrar.h"
#include "install/tokens.h"
#include "store/portal_store.h"
#include "store/store.h"

namespace imrelay {

// Asks every portal that installed an application what CheckPortal judges, and with `fix` carries
// out its remedies. Nothing where the database or the key file cannot be used: other checks say so.
Findings CheckPortals(const Config& config, bool fix);

// The same for one portal after the other. Borrows everything.
class PortalRounds {
 public:
  PortalRounds(Store& store, PortalStore& portals, Tokens& tokens, PortalApi& api,
               Registrar& registrar, const Applications& applications, const Clock& clock);

  Findings Examine(bool fix);

 private:
  Findings Look(const MemberId& member_id);
  void AskDatabase(struct PortalSight& sight);
  void AskPortal(struct PortalSight& sight);
  Result<std::string> Mend(const Remedy& remedy);
  Result<std::string> ActivateLine(const PortalAccess& portal, LineId line);

  Store& store_;
  PortalStore& portals_;
  Tokens& tokens_;
  PortalApi& api_;
  Registrar& registrar_;
  const Applications& applications_;
  const Clock& clock_;
};

}  // namespace imrelay
