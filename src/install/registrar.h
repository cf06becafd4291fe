#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "domain/ids.h"
#include "install/portal_api.h"
#include "store/portal_store.h"

namespace imrelay {

// What the connector is to be in every portal.
struct ConnectorSettings {
  std::string id = "imrelay";  // lower case, no dot; unique in a portal among all applications
  std::string name = "imrelay";
  std::string icon;        // a data: URI of an SVG image
  std::string public_url;  // "https://relay.example.com", without a trailing slash
};

// Where Bitrix24 reaches one application: "https://relay.example.com/bitrix24/NAME/event". `page`
// is "event", "install" or "settings".
std::string HandlerUrl(const ConnectorSettings& connector, std::string_view application,
                       std::string_view page);

// One part of a registration, done or not.
struct Step {
  // "connector", "events" (what is bound is not told), "event ONIMCONNECTORMESSAGEADD", "offline
  // …", "stale EVENT URL"; before anything is asked "public_url", "lock"; of a line "line", "data",
  // "lines" (our own row); at last "record" (what came of it could not be kept).
  std::string what;
  bool done = false;
  std::string word;  // why not: the portal's word in lower case, or no_public_url, locked, …
};

// What a look at a portal found, changing nothing.
struct Bindings {
  std::vector<std::string> missing;          // events that do not reach us
  std::vector<std::string> missing_offline;  // message events without their offline queue
  std::vector<std::string> stale;            // former addresses of ours: "EVENT URL"
  std::vector<std::string> others;           // handlers of somebody else's: "EVENT URL"
};

// How the connector stands on a line, as imconnector.status tells it.
struct LineStatus {
  bool configured = false;
  bool active = false;
  bool error = false;
};

// Registers the connector and the events of a portal and keeps them registered. Everything may be
// repeated. One at a time for a portal, in all processes. Thread-safe.
class Registrar {
 public:
  // `lock_file`: see FileLock; it may be the one of Tokens.
  Registrar(PortalApi& api, PortalStore& store, ConnectorSettings connector, std::string lock_file,
            const Clock& clock);

  const ConnectorSettings& connector() const { return connector_; }

  // Brings the portal to what is wanted and records what came of it: imconnector.register with
  // EDIT_INTERNAL_MESSAGES and DEL_INTERNAL_MESSAGES both true (an operator can delete only then:
  // imconnector/lib/connector.php), every event bound online, the message events offline too,
  // former addresses unbound. A step that fails does not keep the others from being tried, unless
  // the portal or its tokens are away. `patience` is for all of it together. Never empty.
  // A former address is one of a service like this (…/bitrix24/event, …/bitrix24/NAME/event) that
  // is not where this application is reached now; of an event that is bound for several users, all
  // but one are former too, for each is posted. What else is bound stays. The upkeep is due in
  // kUpkeepEvery, or soon when something failed.
  std::vector<Step> Ensure(const PortalAccess& portal, std::chrono::milliseconds patience);

  // Compares event.get with what is wanted.
  CallResultOf<Bindings> Inspect(const PortalAccess& portal, std::chrono::milliseconds patience);

  // imconnector.activate, and connector.data.set where it is switched on. The row in `lines`
  // follows.
  std::vector<Step> SetLine(const PortalAccess& portal, LineId line, bool active,
                            std::chrono::milliseconds patience);
  CallResultOf<LineStatus> FindLineStatus(const PortalAccess& portal, LineId line,
                                          std::chrono::milliseconds patience);

  // A fingerprint of everything Ensure registers for this application; another one means that it
  // has to be done again.
  std::string Fingerprint(std::string_view application) const;

 private:
  class Attempt;

  void Bring(Attempt& attempt, const std::string& application) const;
  Status Record(const PortalAccess& portal, const Attempt& attempt);

  PortalApi& api_;
  PortalStore& store_;
  const ConnectorSettings connector_;
  const std::string lock_file_;
  const Clock& clock_;
};

// Whether every step was done.
bool AllDone(const std::vector<Step>& steps);

}  // namespace imrelay
