#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "tests/portal/event_sender.h"
#include "tests/portal/faults.h"
#include "tests/portal/portal.h"
#include "tests/portal/reply.h"
#include "tests/portal/seen_call.h"
#include "tests/portal/token_ledger.h"

namespace imrelay::stand_in {

// What happened in a portal, to be told to the applications that bound it.
struct Happening {
  std::string event;
  PhpValue data;             // null leaves no key
  std::int64_t user_id = 0;  // whose action it was; 0: nobody's, so the event has no token
  bool with_refresh_token = false;
  // The application whose own REST call caused it: its offline queue does not get it.
  std::string caused_by = {};
};

// How many calls a portal takes. Off while per_second is 0.
struct CallLimit {
  double per_second = 0;
  int burst = 50;
};

// A page of the application that was opened for a user.
struct OpenedPage {
  std::string member_id;
  std::string client_id;
  bool admin = false;
};

// All of the stand-in's Bitrix24: applications, portals, tokens. Whoever uses it holds `mutex`.
struct Cloud {
  std::mutex mutex;
  std::string authorization_url;  // "http://127.0.0.1:PORT"
  std::string portal_address;     // where portals answer that have no other address
  std::string default_scope = "imconnector,imopenlines";
  std::vector<Application> applications;  // the first is meant where none is named
  std::map<std::string, Portal> portals;  // by member_id
  TokenLedger ledger;
  Faults faults;
  CallLimit limit;
  bool nested_failures = true;  // where register and unregister put their errors
  std::vector<SeenCall> seen;
  std::map<std::string, OpenedPage> opened;  // by APP_SID
  EventSender sender;

  // The portal, made when there is none.
  Portal& PortalOf(const std::string& member_id);
  Portal* FindPortal(const std::string& member_id);
  const Application* FindApplication(std::string_view client_id) const;  // "": the first
  // The application's installation there, made (and installed) when there is none.
  Installation& InstallationOf(Portal& portal, const std::string& client_id);
  Installation* FindInstallation(Portal& portal, const std::string& client_id);

  // Tokens for a user of a portal. An empty application_token is the installation's own.
  TokenPair Issue(TokenHolder holder);

  std::string ClientEndpoint(const Portal& portal) const;
  std::string ServerEndpoint() const { return authorization_url + "/rest/"; }

  // Sends a happening to one application as its bindings and its state there have it.
  void Tell(Portal& portal, Installation& installation, const Happening& happening);
  // The same, to a handler that need not be bound.
  void Post(Portal& portal, Installation& installation, const Happening& happening,
            const Binding& binding);

 private:
  PhpValue Auth(Portal& portal, Installation& installation, const Happening& happening,
                std::int64_t user_id);
  void Queue(Portal& portal, Installation& installation, const Happening& happening,
             const Binding& binding);
  void TellOfQueue(Portal& portal, Installation& installation, std::int64_t user_id);
};

// Seconds since 1970.
std::int64_t UnixNow();

}  // namespace imrelay::stand_in
