#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bitrix24/call.h"
#include "domain/ids.h"

namespace imrelay {

// The methods of a portal that we call: how they are called, and what their answers say. A reader
// passes an error on as it is; an answer that lacks what it must hold is kLater, broken_answer.
// Sources, unless said otherwise: bitrix24/b24restdocs, api-reference/{imopenlines/imconnector,
// events,common/system} (2026-08-21); where the vendor's code does otherwise, the code
// (yuliai/bitrix-modules, imconnector/lib, rest/lib/api/event.php, 2026-05-11).

// What has nothing to tell but that it was done. An answer of false without an error is
// kPermanent, not_done.
CallResultOf<void> ReadDone(const CallResult& answer);

// How a connector is shown and reached.
struct ConnectorCard {
  std::string id;    // lower case, digits, underscores; no dot. Unique in a portal
  std::string name;  // for operators
  std::string icon;  // a data: URI of an SVG image; empty for our own
  std::string settings_url;
};

// imconnector.register, which also changes what is registered. What is not told would be the
// method's default, whatever it was before, so everything that matters is told:
// EDIT_INTERNAL_MESSAGES and DEL_INTERNAL_MESSAGES true: an operator can delete only where both are
//   (imconnector/lib/connector.php reads the former for both);
// DEL_EXTERNAL_MESSAGES true: whether the client's messages go too is the channel's setting;
// NEED_SYSTEM_MESSAGES true: greetings and closing words are for the client;
// NEED_SIGNATURE false: the operator's name would stand inside the text, and not in the same way
//   in a message and in its edit;
// CHAT_GROUP false: in a group nobody may write and no lead is made. The documentation's default is
//   true, the code's false.
// An error comes with status 200. Another process of the portal that registers at the same moment
// is application_registration_error.
Call RegisterConnector(const ConnectorCard& card);

// imconnector.activate, with 1 or 0: "N" would switch it on (PHP's empty()). It checks neither the
// connector nor the line, and is carried out after its answer.
Call ActivateConnector(const ConnectorId& connector, LineId line, bool active);

// imconnector.connector.data.set: under which name the channel stands in the line. No address of a
// chat is told: we know none, and a client who clicks must not land on this service.
Call SetConnectorData(const ConnectorId& connector, LineId line, const std::string& name);

// imconnector.status. Always with the line: without one it tells of line 0.
Call GetConnectorStatus(const ConnectorId& connector, LineId line);
struct ConnectorStatus {
  bool configured = false;
  bool active = false;  // STATUS: configured and without an error
  bool error = false;
};
CallResultOf<ConnectorStatus> ReadConnectorStatus(const CallResult& answer);

// imconnector.list: only for who may change connectors, else access_denied.
Call ListConnectors();
CallResultOf<std::vector<ConnectorId>> ReadConnectors(const CallResult& answer);

// One row of event.get: where the portal takes an event. Only of our own application.
struct EventHandler {
  std::string event;      // in capitals
  std::string url;        // empty for the offline queue
  std::string auth_type;  // the user whose token comes along; "0": of whoever acted
  bool offline = false;   // kept in a queue at the portal instead of being posted
};
Call GetEventHandlers();
CallResultOf<std::vector<EventHandler>> ReadEventHandlers(const CallResult& answer);

// event.bind. With the token of whoever acted, as is the default: events are proven by their
// application_token, and are not called with. What is bound already is ERROR_CORE with a
// description, which ReadBound takes for done. Offline: administrators only; needs no address, but
// the documentation calls it required, so it is given.
Call BindEvent(std::string_view event, const std::string& url);
Call BindOffline(std::string_view event, const std::string& url);
CallResultOf<void> ReadBound(const CallResult& answer);

// event.unbind of this very row, and of no other. Administrators only. A row that is gone already
// is no error.
Call UnbindEvent(const EventHandler& row);

// event.test: makes the portal post ONAPPTEST with data[QUERY][mark].
Call TestEvents(const std::string& mark);

// app.info, the portal's. While it is not installed nothing is delivered, whatever is bound.
Call GetAppInfo();
struct AppInfo {
  bool installed = false;
  std::string status;   // F, D, T, P, L or S: free, demo, trial, paid, local, subscription
  std::string license;  // of the portal: "de_ent250"
  bool payment_expired = false;
  std::int64_t version = 0;
};
CallResultOf<AppInfo> ReadAppInfo(const CallResult& answer);

// scope: what the application may use there, in lower case. The basic methods are not listed.
Call GetScope();
CallResultOf<std::vector<std::string>> ReadScope(const CallResult& answer);

// feature.get. A self-hosted portal that does not check it answers "en_selfhosted", a yes. Codes
// that are not documented may be a yes too.
Call GetFeature(std::string_view code);
CallResultOf<bool> ReadFeature(const CallResult& answer);
inline constexpr std::string_view kOfflineExtended = "rest_offline_extended";

// What has to reach us. The connector's events come only to the application that registered it.
inline constexpr std::string_view kOnlineEvents[] = {
    "ONIMCONNECTORMESSAGEADD",
    "ONIMCONNECTORMESSAGEUPDATE",
    "ONIMCONNECTORMESSAGEDELETE",
    "ONIMCONNECTORDIALOGSTART",
    "ONIMCONNECTORDIALOGFINISH",
    "ONIMCONNECTORSTATUSDELETE",
    "ONIMCONNECTORLINEDELETE",
    "ONAPPINSTALL",
    "ONAPPUPDATE",
    "ONAPPUNINSTALL",
    "ONAPPTEST",
    "ONOFFLINEEVENT",
};
// What is worth being kept at the portal too, should posting it fail.
inline constexpr std::string_view kOfflineEvents[] = {
    "ONIMCONNECTORMESSAGEADD",
    "ONIMCONNECTORMESSAGEUPDATE",
    "ONIMCONNECTORMESSAGEDELETE",
};

}  // namespace imrelay
