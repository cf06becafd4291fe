#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "admin/doctor.h"
#include "base/clock.h"
#include "install/registrar.h"
#include "store/offline_store.h"
#include "store/portal_store.h"
#include "store/readback_store.h"

namespace imrelay {

// What app.info tells of the application in a portal.
struct ApplicationState {
  bool installed = false;  // false: its installation was never finished (BX24.installFinish)
  bool payment_expired = false;
};

// An answer of the portal; none when it was not asked.
template <class T>
using Asked = std::optional<CallResultOf<T>>;

// All that is known and was asked of one portal, so that judging it calls nobody.
struct PortalSight {
  PortalAccess portal;
  bool application_configured = true;  // its client id and secret are there
  std::string application_problem = {};
  int installations_waiting = 0;
  std::string waiting_reason = {};  // why the proof of the last one was postponed; may be empty
  Registration registration;
  std::string fingerprint;  // of what is wanted now
  std::string connector;    // its id
  DeletionOutlook outlook;
  OfflineQueueState queue = {};
  ReadbackCounts readback = {};
  std::vector<LineId> lines = {};  // of the connector, active as far as we know

  Asked<ApplicationState> application = {};
  Asked<std::vector<std::string>> scope = {};
  Asked<Bindings> bindings = {};
  Asked<std::vector<ConnectorId>> connectors = {};  // imconnector.list
  Asked<bool> offline_queue = {};                   // the plan's rest_offline_extended
  Asked<std::int64_t> queued = {};                  // events in the offline queue
  std::map<std::int64_t, CallResultOf<LineStatus>> line_status = {};
};

// Judges everything between the portal's buttons and our handler.
Findings CheckPortal(const PortalSight& sight, TimePoint now);

// "abc123 (some.bitrix24.com)", the subject of all of them.
std::string NameOf(const PortalAccess& portal);

// A refresh token is renewed when it is 120 days old (install/upkeep.h); one that is older than
// this was forgotten.
inline constexpr std::chrono::hours kTokenTooOld{150 * 24};
inline constexpr std::chrono::hours kSilentTooLong{14 * 24};
// The offline queue is read every ten minutes (recovery/offline_queue.h).
inline constexpr std::chrono::minutes kQueueUnreadTooLong{60};
// A deletion that came within this time shows that they come.
inline constexpr std::chrono::hours kDeletionOfLate{30 * 24};

}  // namespace imrelay
