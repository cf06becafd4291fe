#include "tests/admin/planted_portal_faults.h"

#include <chrono>
#include <string>
#include <utility>

namespace imrelay {
namespace {

using Act = Remedy::Act;
using Level = Finding::Level;
using std::chrono::days;

template <class T>
CallResultOf<T> Refused(Fault fault, std::string word) {
  return FailCall({fault, std::move(word), "in words"});
}

const std::vector<PlantedFault> kPlanted{
    {"dead",
     [](PortalSight& s) {
       s.portal.status = PortalStatus::kDead;
       s.portal.dead_reason = "invalid_grant";
     },
     "portal",
     Level::kFail,
     "invalid_grant",
     "open the application",
     {}},
    {"pending",
     [](PortalSight& s) { s.portal.status = PortalStatus::kPending; },
     "portal",
     Level::kWarn,
     "pending",
     "portal remove abc",
     {}},
    {"no credentials",
     [](PortalSight& s) {
       s.application_configured = false;
       s.application_problem = "\"b\" is not configured";
     },
     "portal",
     Level::kFail,
     "\"b\"",
     "client_id",
     {}},
    {"waiting",
     [](PortalSight& s) {
       s.installations_waiting = 2;
       s.waiting_reason = "no_answer";
     },
     "installation",
     Level::kWarn,
     "2 installation(s) wait for their proof: no_answer",
     "worker",
     {}},
    {"waiting for credentials",
     [](PortalSight& s) {
       s.installations_waiting = 1;
       s.waiting_reason = "invalid_client";
     },
     "installation",
     Level::kWarn,
     "invalid_client",
     "client_secret",
     {}},
    {"no refresh token",
     [](PortalSight& s) { s.portal.sealed_refresh_token = ""; },
     "tokens",
     Level::kFail,
     "no refresh token",
     "open the application",
     {}},
    {"old tokens", [](PortalSight& s) { s.portal.tokens_granted_at = kSightTaken - days(151); },
     "tokens", Level::kWarn, "151 days ago, good for 29 days more", "worker", Act::kRenewTokens},
    {"run out", [](PortalSight& s) { s.portal.tokens_granted_at = kSightTaken - days(181); },
     "tokens", Level::kFail, "181 days ago", "open the application", Act::kRenewTokens},
    {"never finished",
     [](PortalSight& s) {
       s.application = ApplicationState{false, false};
     },
     "application",
     Level::kFail,
     "never finished",
     "open the application",
     {}},
    {"not paid",
     [](PortalSight& s) {
       s.application = ApplicationState{true, true};
     },
     "application",
     Level::kFail,
     "expired",
     "renew",
     {}},
    {"calls refused",
     [](PortalSight& s) {
       s.application = Refused<ApplicationState>(Fault::kForbidden, "access_denied");
     },
     "application",
     Level::kFail,
     "access_denied (in words)",
     "plan",
     {}},
    {"calls refused for payment",
     [](PortalSight& s) {
       s.application = Refused<ApplicationState>(Fault::kForbidden, "payment_required");
     },
     "application",
     Level::kFail,
     "payment_required",
     "renew",
     {}},
    {"calls limited",
     [](PortalSight& s) {
       s.application = Refused<ApplicationState>(Fault::kLater, "query_limit_exceeded");
     },
     "application",
     Level::kWarn,
     "query_limit_exceeded",
     "minutes",
     {}},
    {"portal away",
     [](PortalSight& s) { s.application = Refused<ApplicationState>(Fault::kLater, "no_answer"); },
     "application",
     Level::kFail,
     "no answer that can be read (in words)",
     "reachable",
     {}},
    {"another key file",
     [](PortalSight& s) {
       s.application = Refused<ApplicationState>(Fault::kForbidden, "unknown_key");
     },
     "application",
     Level::kFail,
     "its tokens cannot be opened: unknown_key",
     "key file",
     {}},
    {"site closed",
     [](PortalSight& s) {
       s.application = Refused<ApplicationState>(Fault::kForbidden, "portal_deleted");
     },
     "application",
     Level::kFail,
     "the portal refused: portal_deleted",
     "site is closed",
     {}},
    {"the word told once",
     [](PortalSight& s) {
       const CallResultOf<ApplicationState> refused = FailCall(
           {Fault::kForbidden, "payment_required", "refused with payment_required, status 402"});
       s.application = refused;
     },
     "application",
     Level::kFail,
     "calls are refused with payment_required, status 402",
     "renew",
     {}},
    {"operators are not told",
     [](PortalSight& s) {
       s.scope = std::vector<std::string>{"imconnector", "imopenlines"};
     },
     "scope",
     Level::kWarn,
     "imconnector and imopenlines, but not im: operators are not told of failed deletions",
     "add im to the rights on the application's card in Bitrix24, then open it once; or set "
     "tell_operator = false",
     {}},
    {"scope",
     [](PortalSight& s) { s.scope = std::vector<std::string>{"imconnector"}; },
     "scope",
     Level::kFail,
     "not granted: imopenlines",
     "add imopenlines",
     {}},
    {"connector gone",
     [](PortalSight& s) { s.connectors = std::vector<ConnectorId>{ConnectorId("other")}; },
     "connector", Level::kFail, "\"myconnector\" is not registered", "doctor --fix",
     Act::kRegister},
    {"registration failed", [](PortalSight& s) { s.registration.problem = "access_denied"; },
     "connector", Level::kFail, "access_denied", "doctor --fix", Act::kRegister},
    {"other settings", [](PortalSight& s) { s.registration.fingerprint = "f0"; }, "connector",
     Level::kWarn, "other settings", "doctor --fix", Act::kRegister},
    {"registration due", [](PortalSight& s) { s.registration = {}; }, "connector", Level::kWarn,
     "registration is due", "the worker does it by itself", Act::kRegister},
    {"registration due, nothing there yet",
     [](PortalSight& s) {
       s.registration = {};
       s.connectors = std::vector<ConnectorId>{};
     },
     "connector", Level::kWarn, "registration is due", "the worker does it by itself",
     Act::kRegister},
    {"missing binding",
     [](PortalSight& s) {
       (*s.bindings)->missing = {"ONA", "ONB"};
     },
     "bindings", Level::kFail, "ONA, ONB", "doctor --fix", Act::kRegister},
    {"missing offline", [](PortalSight& s) { (*s.bindings)->missing_offline = {"ONA"}; },
     "offline bindings", Level::kWarn, "ONA", "doctor --fix", Act::kRegister},
    {"queue refused",
     [](PortalSight& s) { s.queue.problem = "access_denied"; },
     "offline queue",
     Level::kWarn,
     "the last read of what Bitrix24 lost failed: access_denied; 3 events wait",
     "an administrator of the portal has to open",
     {}},
    {"queue away",
     [](PortalSight& s) { s.queue.problem = "no_answer"; },
     "offline queue",
     Level::kWarn,
     "no_answer",
     "tried again by itself",
     {}},
    {"queue never read",
     [](PortalSight& s) { s.queue.read_at = {}; },
     "offline queue",
     Level::kWarn,
     "3 events wait in it, last read never",
     "a running worker",
     {}},
    {"queue not read of late",
     [](PortalSight& s) { s.queue.read_at = kSightTaken - std::chrono::hours(2); },
     "offline queue",
     Level::kWarn,
     "3 events wait in it",
     "a running worker",
     {}},
    {"queue cannot be asked",
     [](PortalSight& s) { s.queued = Refused<std::int64_t>(Fault::kForbidden, "access_denied"); },
     "offline queue",
     Level::kFail,
     "access_denied",
     "",
     {}},
    {"chats that may not be read",
     [](PortalSight& s) {
       s.readback = {1, 2};
     },
     "reading back",
     Level::kOk,
     "1 confirmed messages are to be read back; 2 chats may not be read",
     "",
     {}},
    {"stale", [](PortalSight& s) { (*s.bindings)->stale = {"ONA https://old/x"}; },
     "stale bindings", Level::kWarn, "https://old/x", "doctor --fix", Act::kRegister},
    {"foreign",
     [](PortalSight& s) { (*s.bindings)->others = {"ONA https://other/x"}; },
     "foreign bindings",
     Level::kOk,
     "left alone: ONA https://other/x",
     "",
     {}},
    {"no line",
     [](PortalSight& s) {
       s.lines.clear();
       s.line_status.clear();
     },
     "lines",
     Level::kWarn,
     "no line is known to use the connector \"myconnector\", the one of connector.id",
     "Contact Center",
     {}},
    {"line with an error",
     [](PortalSight& s) {
       s.line_status.at(107)->error = true;
       s.line_status.at(107)->active = false;
     },
     "line 107", Level::kFail, "faulty", "Contact Center", Act::kActivateLine},
    {"line switched off",
     [](PortalSight& s) { s.line_status.at(107) = LineStatus{}; },
     "line 107",
     Level::kFail,
     "left alone",
     "Contact Center",
     {}},
    {"line not active",
     [](PortalSight& s) { s.line_status.at(107)->active = false; },
     "line 107",
     Level::kFail,
     "does not call it active",
     "connector",
     {}},
    {"silent",
     [](PortalSight& s) { s.portal.last_event_at = kSightTaken - days(15); },
     "last event",
     Level::kWarn,
     "15 days ago",
     "event list",
     {}},
    {"never an event",
     [](PortalSight& s) { s.portal.last_event_at.reset(); },
     "last event",
     Level::kWarn,
     "none",
     "event list",
     {}},
    {"no ids",
     [](PortalSight& s) {
       s.outlook = {10, 0, {}};
     },
     "deletions",
     Level::kFail,
     "knows no external ids: deliveries must be confirmed to Bitrix24 with them (0 of 10",
     "send.status.delivery",
     {}},
    {"no ids of few messages",
     [](PortalSight& s) {
       s.outlook = {9, 0, {}};
     },
     "deletions",
     Level::kWarn,
     "knows no external ids",
     "send.status.delivery",
     {}},
    {"no ids, and a deletion long ago",
     [](PortalSight& s) {
       s.outlook = {100, 0, kSightTaken - days(31)};
     },
     "deletions",
     Level::kWarn,
     "knows no external ids",
     "send.status.delivery",
     {}},
    {"no ids, and a deletion of late",
     [](PortalSight& s) {
       s.outlook = {100, 0, kSightTaken - days(29)};
     },
     "deletions",
     Level::kOk,
     "arrive: 0 of 100",
     "",
     {}},
    {"few ids",
     [](PortalSight& s) {
       s.outlook = {5, 2, {}};
     },
     "deletions",
     Level::kWarn,
     "2 of 5",
     "send.status.delivery",
     {}},
    {"no messages",
     [](PortalSight& s) { s.outlook = {}; },
     "deletions",
     Level::kOk,
     "nothing can be said",
     "",
     {}}};

}  // namespace

PortalSight WellPortal() {
  PortalSight sight;
  sight.portal.member_id = MemberId("abc");
  sight.portal.status = PortalStatus::kActive;
  sight.portal.domain = "some.bitrix24.com";
  sight.portal.client_endpoint = "https://some.bitrix24.com/rest/";
  sight.portal.sealed_refresh_token = "sealed";
  sight.portal.tokens_granted_at = kSightTaken - days(3);
  sight.portal.last_event_at = kSightTaken - days(1);
  sight.fingerprint = "f1";
  sight.registration = {"f1", kSightTaken - days(2), ""};
  sight.connector = "myconnector";
  sight.outlook = {10, 9, kSightTaken - days(1)};
  sight.lines = {LineId(107)};
  sight.application = ApplicationState{true, false};
  sight.scope = std::vector<std::string>{"im", "imconnector", "imopenlines"};
  sight.bindings = Bindings{};
  sight.connectors = std::vector<ConnectorId>{ConnectorId("myconnector")};
  sight.offline_queue = true;
  sight.queue.read_at = kSightTaken - std::chrono::minutes(5);
  sight.queued = 3;
  sight.line_status.emplace(107, LineStatus{true, true, false});
  return sight;
}

const std::vector<PlantedFault>& PlantedPortalFaults() { return kPlanted; }

}  // namespace imrelay
