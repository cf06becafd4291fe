#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "codec/body.h"
#include "crypto/keyring.h"
#include "domain/event.h"
#include "store/store.h"

namespace imrelay {

// What became of one posted event. Durable when it is returned.
struct Received {
  Committed::Answer answer = Committed::Answer::kAccepted;
  std::string reason;  // of kIgnored
  // For the log line.
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
  // (unknown_portal) or the application_token is wrong (wrong_token); kUnavailable and
  // kRateLimited when nothing could be stored.
  Result<Received> Receive(BodyFormat format, std::string_view body, EventSource source);

  // Applies an event that waited for a proof which succeeded. Repeating it changes nothing.
  Status ApplyWaiting(const WaitingEvent& waiting);

 private:
  Result<Received> ReceiveInstallation(const Event& event, JournalEntry journal);
  Result<Received> ReceiveFromPortal(const Event& event, JournalEntry journal);

  Store& store_;
  const Keyring& keyring_;
  const Clock& clock_;
};

}  // namespace imrelay
