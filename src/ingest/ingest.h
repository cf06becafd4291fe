#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "codec/body.h"
#include "crypto/keyring.h"
#include "domain/event.h"
#include "ingest/portal_cache.h"
#include "store/store.h"

namespace imrelay {

// What became of one posted event. Durable when it is returned.
struct Received {
  Committed::Answer answer = Committed::Answer::kAccepted;
  std::string reason;  // of kIgnored
};

// What a request claimed to be, for the log line; filled as far as the body could be read, also
// when it is refused.
struct Claimed {
  std::string event;
  std::string member_id;
};

// Turns a posted body into rows: decodes it, finds its portal, checks that it comes from there,
// plans the changes and commits them. Thread-safe; makes no network call.
class Ingest {
 public:
  Ingest(Store& store, const Keyring& keyring, const Clock& clock);

  // Takes in one event. Returns after it is on disk.
  // Errors: kInvalidArgument with a reason when the body is no event (bad_json, too_deep,
  // too_many_keys, body_too_large, no_event); kUnauthenticated when the portal is unknown
  // (unknown_portal, uninstalled) or the application_token is wrong (wrong_token); kUnavailable
  // and kRateLimited when nothing could be stored.
  Result<Received> Receive(BodyFormat format, std::string_view body, EventSource source,
                           Claimed& claimed);

  // Applies an event that waited for a proof which succeeded. Repeating it changes nothing.
  Status ApplyWaiting(const WaitingEvent& waiting);

 private:
  // Whom an application_token belongs to.
  struct Sender {
    enum class Kind { kNobody, kPortal, kFormerToken, kUninstalled, kWaiting };
    Kind kind = Kind::kNobody;
    InstallationId installation;  // of kWaiting
  };

  Result<Received> ReceiveInstallation(const Event& event, const Tree& tree, JournalEntry journal);
  Result<Received> ReceiveFromPortal(const Event& event, const Tree& tree,
                                     const JournalEntry& journal);
  Sender Identify(const Portal& portal, const TokenHash& token) const;
  Plan MakePlan(const Event& event, const Tree& tree, const JournalEntry& journal,
                const Portal& portal, const Sender& sender) const;

  Store& store_;
  const Keyring& keyring_;
  const Clock& clock_;
  PortalCache portals_;
};

}  // namespace imrelay
