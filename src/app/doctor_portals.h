#pragma once

#include "admin/doctor.h"
#include "admin/portal_checks.h"
#include "app/bitrix24_side.h"
#include "app/config.h"
#include "store/offline_store.h"
#include "store/portal_store.h"
#include "store/readback_store.h"
#include "store/store.h"

namespace imrelay {

// What --fix may do about portals. Handlers are registered only where we know that we answer there:
// else a wrong bitrix24.public_url would take the place of a right one.
enum class PortalMends { kNone, kAllButRegister, kAll };

// Asks every portal that installed an application what CheckPortal judges, and carries out those of
// its remedies that `mends` allows. Nothing where the database or the key file cannot be used:
// other checks say so.
Findings CheckPortals(const Config& config, PortalMends mends);

// The same for one portal after the other. Borrows everything.
class PortalRounds {
 public:
  struct Stores {
    Store& store;
    PortalStore& portals;
    OfflineStore& offline;
    ReadbackStore& readback;
  };
  PortalRounds(Stores stores, Bitrix24Side& side, const Clock& clock);

  Findings Examine(PortalMends mends);

 private:
  Findings Look(const MemberId& member_id);
  void AskDatabase(PortalSight& sight);
  void AskPortal(PortalSight& sight);
  Result<std::string> Mend(const Remedy& remedy, PortalMends mends);
  Result<std::string> ActivateLine(const PortalAccess& portal, LineId line);

  Store& store_;
  PortalStore& portals_;
  OfflineStore& offline_;
  ReadbackStore& readback_;
  Bitrix24Side& side_;
  const Clock& clock_;
};

}  // namespace imrelay
