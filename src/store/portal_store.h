#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "domain/ids.h"
#include "domain/portal.h"

namespace imrelay {

// A portal as calls to it need it.
struct PortalAccess {
  PortalId id;
  MemberId member_id;
  std::string application;  // the name of the application it installed; "" is the unnamed one
  PortalStatus status = PortalStatus::kPending;
  std::string domain;
  std::string client_endpoint;
  std::string scope;
  std::string server_endpoint;  // the authorization server that granted its tokens
  // Sealed, see SealPurpose. Empty when there is none.
  std::string sealed_access_token;
  std::string sealed_refresh_token;
  // Grows with each new pair of tokens, whoever brings it; not when a pair is sealed anew.
  std::int64_t chain = 0;
  std::optional<TimePoint> token_expires_at;   // of the access token
  std::optional<TimePoint> tokens_granted_at;  // the refresh token lives 180 days from here
  std::string dead_reason;                     // a short word; empty unless dead
  EventId installation;                        // the proven one
  std::optional<TimePoint> last_event_at;
};

// What of the registration in Bitrix24 we know to be done.
struct Registration {
  std::string fingerprint;  // of what was wanted then; empty when it was never done
  std::optional<TimePoint> done_at;
  std::string problem;  // why the last attempt failed; empty when it did not
};

// What became of a posted installation.
struct InstallationState {
  enum class Stage { kWaiting, kProven, kRefused };
  Stage stage = Stage::kWaiting;
  std::string reason;  // of kRefused; of kWaiting: why the last attempt was postponed, or empty
};

// Whether deletions of a portal can arrive: Bitrix24 tells of them only where a confirmation
// carried the external ids. Counted from the newest message on, up to kOutlookLimit; where a portal
// has fewer in a mapping of many millions, that reads all of it.
struct DeletionOutlook {
  std::int64_t sent = 0;              // operators' messages we know, older than kConfirmedWithin
  std::int64_t with_external_id = 0;  // of these, with the channel's id
  std::optional<TimePoint> last_deletion_at;

  // Enough was sent to say so: no id is known, and no deletion ever came.
  bool Hopeless() const {
    return sent >= kHopelessFrom && with_external_id == 0 && !last_deletion_at;
  }
  static constexpr int kHopelessFrom = 10;
};
inline constexpr int kOutlookLimit = 1000;
// A younger message may yet be confirmed.
inline constexpr std::chrono::hours kConfirmedWithin{1};

// Portals, their tokens and their registration. As Store: durable, thread-safe, several processes,
// kUnavailable when the database is away.
class PortalStore {
 public:
  virtual ~PortalStore() = default;

  virtual Result<std::optional<PortalAccess>> FindAccess(const MemberId& member_id) = 0;
  virtual Result<std::vector<PortalAccess>> ListAccess() = 0;  // by member_id

  // Keeps a new pair in the place of `chain`. False, and nothing is changed, when the portal has
  // another pair by now. The portal becomes active if it was dead.
  virtual Result<bool> ReplaceTokens(PortalId portal, std::int64_t chain,
                                     const ProvenInstallation& granted, TimePoint now) = 0;

  // The pair `chain` works no more: the portal is dead until an installation heals it. Nothing
  // happens when it has another pair by now, or is uninstalled.
  virtual Status MarkDead(PortalId portal, std::int64_t chain, const std::string& reason,
                          TimePoint now) = 0;

  // The application is gone there: as an ONAPPUNINSTALL without the wish to erase. Nothing happens
  // when the portal has another pair than `chain` by now.
  virtual Status MarkUninstalled(PortalId portal, std::int64_t chain, TimePoint now) = 0;

  virtual Result<Registration> FindRegistration(PortalId portal) = 0;
  // `done.done_at` is set to `now` when there is no problem. The portal's upkeep is due at `next`.
  // Nothing happens when the portal was installed anew since `portal` was read: that took away what
  // was registered.
  virtual Status RecordRegistration(const PortalAccess& portal, const Registration& done,
                                    TimePoint now, TimePoint next) = 0;

  // Active portals whose upkeep is due, the longest due first; an accepted installation makes it
  // due at once.
  virtual Result<std::vector<PortalAccess>> DueForUpkeep(TimePoint now, int limit) = 0;
  // Nothing happens when the portal was installed anew since `portal` was read.
  virtual Status ScheduleUpkeep(const PortalAccess& portal, TimePoint due) = 0;

  // The connector was switched on or off on a line, through us.
  virtual Status SetLine(PortalId portal, const ConnectorId& connector, LineId line, bool active,
                         TimePoint now) = 0;

  virtual Result<InstallationState> FindInstallationState(EventId installation_event) = 0;
  virtual Result<DeletionOutlook> FindOutlook(PortalId portal, TimePoint now) = 0;
  // How many portals are in each status, by its word in the view `portals`.
  virtual Result<std::map<std::string, std::int64_t>> CountPortals() = 0;

  // Seals everything anew that `reseal` changes: it is given what is sealed, its purpose, and
  // returns the new bytes, or the same to leave it. Returns how many were changed. What others
  // write meanwhile is not overwritten.
  using Reseal =
      std::function<Result<std::string>(const std::string& sealed, const std::string& purpose)>;
  virtual Result<int> ResealTokens(const Reseal& reseal) = 0;
};

}  // namespace imrelay
