#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "codec/body.h"
#include "codec/tree.h"
#include "crypto/keyring.h"
#include "domain/event.h"
#include "ingest/hold.h"
#include "ingest/portal_cache.h"
#include "store/store.h"

namespace imrelay {

// What a request claimed to be, for the log line; filled as far as the body could be read, also
// when it is refused.
struct Claimed {
  std::string event;
  std::string member_id;
};

// How an event came here.
struct Arrival {
  EventSource source = EventSource::kWebhook;
  // Whose path it was posted to; "" is the unnamed one. Only an installation belongs to it: every
  // other event counts at any path, because its application_token is one application's alone.
  std::string application = {};
  // When it came, where that was before now: it waited in the spool.
  std::optional<TimePoint> received_at = {};
  // It could not be spooled behind the others either.
  bool may_overtake = false;
  // As of a Plan; null for most.
  const std::atomic<bool>* unless = nullptr;
};

// An event that nobody posted: we fetched it from the portal's offline queue, or found out by
// reading a chat back. The portal is believed, because it was called with its own token.
struct UnpostedEvent {
  MemberId member_id;
  EventSource source = EventSource::kOffline;
  std::string name;  // in capitals
  Tree data;
  std::optional<std::int64_t> ts;  // the portal's clock
  bool overtaken = false;          // see Likeness
};

// Turns a posted body into rows: decodes it, finds its portal, checks that it comes from there,
// plans the changes and commits them. Thread-safe; makes no network call.
class Ingest {
 public:
  // Told once what became of an event; see Store::Done.
  using Done = Store::Done;

  // With a `hold`, posted events (kWebhook) do not overtake those that wait in the spool. It looks
  // around for each, and is raised when one could not be stored; somebody has to let it down.
  Ingest(Store& store, const Keyring& keyring, const Clock& clock, Hold* hold = nullptr);

  // Takes in one event and tells when it is on disk, or why not. Copies what it needs of `body`;
  // `claimed` is filled before anything is told and not touched afterwards.
  // Where the portal is dead, an event of it that brings a refresh token is taken in as an
  // installation, to be proven: so the portal lives again without anybody opening it.
  // Errors: kInvalidArgument with a reason when the body is no event (bad_json, too_deep,
  // too_many_keys, body_too_large, no_event); kUnauthenticated when the portal is unknown
  // (unknown_portal, uninstalled) or the application_token is wrong (wrong_token); kRateLimited
  // when too much waits for a proof; kUnavailable when it could not be stored or, with the reason
  // kHeldBack, must not overtake others: it is to be spooled. Where an installation of the portal
  // may wait in the spool, events that only it makes authentic are held back, not refused.
  void Receive(BodyFormat format, std::string_view body, const Arrival& arrival, Claimed& claimed,
               Done done);

  // Takes in an event that was not posted, and returns when it is on disk. One that was posted too
  // is kDuplicate; what cannot be used is journalled and kIgnored. Errors: kNotFound when the
  // portal is gone, kUnauthenticated when it is uninstalled; the store's.
  Result<Committed> TakeUnposted(const UnpostedEvent& unposted);

  // Applies an event that waited for a proof which succeeded. Repeating it changes nothing.
  Status ApplyWaiting(const WaitingEvent& waiting);

  // Applies a journalled event, of a portal that is known, once more; see Plan::replayed. Repeating
  // it changes nothing. Errors: kNotFound when the portal is gone; the store's.
  Result<Committed> Replay(const JournalledEvent& journalled);

 private:
  // Whom an application_token belongs to.
  struct Sender {
    enum class Kind { kNobody, kPortal, kFormerToken, kUninstalled, kWaiting };
    Kind kind = Kind::kNobody;
    InstallationId installation;  // of kWaiting
  };

  // An event that says it comes from a portal, with what every plan for it needs.
  struct Posted {
    Event event;
    EventKey key{};
    EventKey content{};
    TokenHash token{};
  };

  // Hands something to the store, to be refused where the flag is true when its turn comes.
  using Commit = std::function<void(const std::atomic<bool>* unless, Done done)>;

  void ReceiveInstallation(const Event& event, const EventKey& key, const Arrival& arrival,
                           JournalEntry journal, Done done);
  void ReceiveFromPortal(Posted posted, const Arrival& arrival, JournalEntry journal, Done done);
  // Whether an event waits for those before it.
  bool Waits(const Arrival& arrival) const;
  // Has `commit` called when its turn comes; `installs` tells what it is.
  void Hand(const Arrival& arrival, const MemberId& member_id, bool installs, Commit commit,
            Done done);
  // Tells an error of reading or of the sender; what may count later is held back.
  void Refuse(const Arrival& arrival, const MemberId& member_id, Error error, Done done);
  // The application that has to prove the tokens it brings to a dead portal; none when it brings
  // none, the portal lives, as much waits for its proof already, or another began lately.
  Result<std::optional<std::string>> Heals(const Posted& posted, const JournalEntry& journal);
  // Completes a plan that has its journal entry; an error when the portal does not know the sender.
  static Status PlanFor(const Posted& posted, const Portal* portal, Plan& plan);
  // Commits what an event of the journal changes, without asking who sent it.
  Result<Committed> CommitJournalled(const Event& event, Plan plan);
  bool MayHeal(PortalId portal);
  static Sender Identify(const Portal& portal, const TokenHash& token);
  static void SetChanges(const Event& event, const Portal& portal, const Sender& sender,
                         Plan& plan);

  Store& store_;
  const Keyring& keyring_;
  const Clock& clock_;
  Hold* const hold_;
  PortalCache portals_;
  std::mutex mutex_;
  std::map<PortalId, TimePoint> healing_begun_;  // last, of each portal that was dead
};

// How often the events of a dead portal begin its healing. Most bring the tokens of an operator,
// which are refused because only an administrator's count.
inline constexpr std::chrono::minutes kHealingPause{1};

}  // namespace imrelay
