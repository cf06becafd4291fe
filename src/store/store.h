#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/plan.h"
#include "store/report.h"

namespace imrelay {

// An installation taken up for its proof.
struct InstallationWork {
  InstallationId id;
  MemberId member_id;
  std::string application;  // the name of the application that has to prove it
  TokenHash token{};
  std::string sealed_access_token;
  std::string sealed_refresh_token;
  std::string server_endpoint;
  std::optional<std::int64_t> ts;
  // What an earlier attempt was granted and could not finish with; the sealed tokens above are the
  // granted ones then.
  std::optional<ProvenInstallation> granted;
  // host[:port] of the portal as an earlier installation proved it; none when there was none.
  std::optional<std::string> known_domain;
  int attempts = 0;  // before this one
  TimePoint received_at;
  // An earlier attempt sent the refresh token and never recorded the answer, so the token may be
  // used up although nobody refused it.
  bool refresh_was_sent = false;
  bool token_is_proven = false;  // by another installation, so what waits is safe without this one
};

// A journalled event whose installation is proven by now.
struct WaitingEvent {
  EventId id;
  MemberId member_id;
  JournalEntry journal;
};

// An event as the journal has it.
struct JournalledEvent {
  EventId id;
  MemberId member_id;  // of its portal; empty where that is not known, or removed
  EventStatus status = EventStatus::kIgnored;
  JournalEntry journal;  // without its key; the body is empty where it was dropped
};

// Keeps everything, durably: portals, the mapping, the journal, deliveries. Whatever a writing
// call reports as done survives a power cut. Every call may come from any thread, and several
// processes may have the same database open.
//
// Errors of every call: kUnavailable when the database is locked, full, read-only or damaged; a
// writing call has then changed nothing. Nothing here waits longer than about ten seconds.
//
// The calls that requests make tell what became of them through a callback, so that no thread waits
// while others write. It is called once, perhaps before the call returns, on a thread of the
// store's: it must be quick and must not make a call of the store that writes.
class Store {
 public:
  using Done = std::function<void(Result<Committed>)>;
  // Changes a plan to one for the portal as it is now; null when there is no such portal any more.
  // Called with a plan that was refused, on a thread of the store's, perhaps more than once.
  // An error ends the commit with it.
  using Replan = std::function<Status(Plan&, const Portal*)>;

  virtual ~Store() = default;

  // --- events

  // The portal, as committed; none when no installation of it was ever posted.
  virtual Result<std::optional<Portal>> FindPortal(const MemberId& member_id) = 0;

  // Carries out `plan` as one unit and tells when it is on disk. A fresh event whose key is
  // known is kDuplicate and changes nothing; one whose changes change nothing is journalled as
  // ignored. Where the portal changed since the plan was made, `replan` makes it anew.
  // Errors: kRateLimited when it would wait for a proof and too many wait already;
  // kUnauthenticated when the plan says only_known and the event is not; those of `replan`.
  virtual void Commit(Plan plan, Replan replan, Done done) = 0;

  // Journals an installation and queues its proof; an unknown portal appears as pending. The portal
  // belongs to the application whose installation was proven last.
  // The same post again is kDuplicate.
  // Errors: kRateLimited when too many installations wait for their proof.
  virtual void AddInstallation(InstallationRequest request, Done done) = 0;

  // Up to `limit` events, oldest first, that waited for an installation proven meanwhile.
  virtual Result<std::vector<WaitingEvent>> WaitingEvents(int limit) = 0;

  // None when there is no such event.
  virtual Result<std::optional<JournalledEvent>> FindEvent(EventId id) = 0;

  // --- installations

  // The installation whose proof is due longest; none when none is due. It stays due until it is
  // decided or postponed, so that a crash loses no time: one process at a time may ask.
  virtual Result<std::optional<InstallationWork>> TakeInstallation(TimePoint now) = 0;

  // Records, before the refresh token leaves, that it is going to.
  virtual Status RecordRefreshSent(InstallationId id, TimePoint now) = 0;

  // Keeps what the refresh gave, before anything else is asked: the posted refresh token is used up
  // and the new one exists nowhere else.
  virtual Status RecordGrant(InstallationId id, const ProvenInstallation& granted) = 0;

  // The installation is proven: the portal gets its tokens and becomes active (dead when there is
  // no refresh token), the posted application_token counts, the former one until the first event
  // with the new. Its waiting events become due (see WaitingEvents). Where a newer installation was
  // proven before it, they become due and nothing else changes.
  virtual Status AcceptInstallation(InstallationId id, const ProvenInstallation& proven,
                                    TimePoint now) = 0;

  // The installation is refused for good: the portal is as it was before, the events that waited
  // for it are rejected and their bodies dropped. `reason` is a short word for people.
  virtual Status RefuseInstallation(InstallationId id, const std::string& reason,
                                    TimePoint now) = 0;

  // The proof could not be finished; it is due again at `due`.
  virtual Status PostponeInstallation(InstallationId id, const std::string& reason,
                                      TimePoint due) = 0;

  // --- people

  // Rows of the views, as text, for the commands.
  virtual Result<Table> Report(const ReportQuery& query) = 0;

  // Removes the portal with its tokens and message data; only the counts stay. Done in many short
  // commits; where it was cut off it is done again, and the portal shows as uninstalled until then.
  // Errors: kNotFound when there is no such portal; kConflict when it is installed again meanwhile.
  virtual Status RemovePortal(const MemberId& member_id, TimePoint now) = 0;

  // Tells OK when the schema is current and the database can be written right now; writes nothing
  // that lasts.
  virtual void CheckReady(std::function<void(Status)> done) = 0;
};

}  // namespace imrelay
