#include "bitrix24/methods.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "bitrix24/answer.h"
#include "codec/json.h"
#include "tests/fakes/fake_clock.h"

namespace imrelay {
namespace {

const ConnectorId kConnector{"relay"};
const LineId kLine{107};

CallResult Answer(const std::string& body, int status = 200) {
  return ReadPortalAnswer({status, {}, body}, FakeClock().Now());
}

// What every reader does with an error.
const CallResult kFailed = FailCall({Fault::kForbidden, "access_denied", "refused"});

template <class T>
void CheckBroken(const CallResultOf<T>& read) {
  REQUIRE_FALSE(read.has_value());
  CHECK(read.error().fault == Fault::kLater);
  CHECK(read.error().word == "broken_answer");
}

TEST_CASE("methods: calls carry what the documentation names") {
  const EventHandler online{"ONAPPTEST", "https://a.example/bitrix24/event", "15", false};
  const std::vector<std::pair<Call, std::pair<const char*, const char*>>> cases = {
      {ActivateConnector(kConnector, kLine, true),
       {"imconnector.activate", R"({"CONNECTOR":"relay","LINE":107,"ACTIVE":1})"}},
      {ActivateConnector(kConnector, kLine, false),
       {"imconnector.activate", R"({"CONNECTOR":"relay","LINE":107,"ACTIVE":0})"}},
      {SetConnectorData(kConnector, kLine, "Our \"channel\""),
       {"imconnector.connector.data.set",
        R"({"CONNECTOR":"relay","LINE":107,"DATA":{"ID":"relay_line107",)"
        R"("NAME":"Our \"channel\""}})"}},
      {GetConnectorStatus(kConnector, kLine),
       {"imconnector.status", R"({"CONNECTOR":"relay","LINE":107})"}},
      {ListConnectors(), {"imconnector.list", "{}"}},
      {GetEventHandlers(), {"event.get", "{}"}},
      {BindEvent("ONAPPTEST", "https://a.example/x"),
       {"event.bind", R"({"event":"ONAPPTEST","handler":"https://a.example/x"})"}},
      {BindOffline("ONAPPTEST", "https://a.example/x"),
       {"event.bind",
        R"({"event":"ONAPPTEST","handler":"https://a.example/x","event_type":"offline"})"}},
      {UnbindEvent(online),
       {"event.unbind", R"({"event":"ONAPPTEST","handler":"https://a.example/bitrix24/event",)"
                        R"("event_type":"online","auth_type":"15"})"}},
      {TestEvents("abc"), {"event.test", R"({"mark":"abc"})"}},
      {GetAppInfo(), {"app.info", "{}"}},
      {GetScope(), {"scope", "{}"}},
      {GetFeature(kOfflineExtended), {"feature.get", R"({"CODE":"rest_offline_extended"})"}},
  };
  for (const auto& [call, expected] : cases) {
    CHECK(call.method == expected.first);
    CHECK(call.parameters == expected.second);
  }
}

TEST_CASE("methods: a connector is registered so that operators can delete") {
  const Call call = RegisterConnector(
      {"relay", "The relay", "data:image/svg+xml,x", "https://a.example/bitrix24/settings"});

  CHECK(call.method == "imconnector.register");
  CHECK(call.parameters ==
        R"({"ID":"relay","NAME":"The relay","ICON":{"DATA_IMAGE":"data:image/svg+xml,x",)"
        R"("COLOR":"#2f6fed","SIZE":"90%","POSITION":"center"},)"
        R"("PLACEMENT_HANDLER":"https://a.example/bitrix24/settings",)"
        R"("EDIT_INTERNAL_MESSAGES":true,"DEL_INTERNAL_MESSAGES":true,)"
        R"("DEL_EXTERNAL_MESSAGES":true,"NEED_SYSTEM_MESSAGES":true,)"
        R"("NEED_SIGNATURE":false,"CHAT_GROUP":false})");
}

TEST_CASE("methods: a connector without an icon gets ours, an SVG image in plain ASCII") {
  const Result<Tree> parameters = ParseJson(RegisterConnector({"relay", "x", "", "y"}).parameters);

  REQUIRE(parameters.has_value());
  const std::string* image = parameters->Find("ICON")->FindText("DATA_IMAGE");
  REQUIRE(image != nullptr);
  CHECK(image->starts_with("data:image/svg+xml;charset=US-ASCII,%3Csvg"));
  CHECK(image->ends_with("%3C/svg%3E"));
  // Nothing that ends a data: URI early, or that an attribute of HTML takes amiss.
  CHECK(image->find_first_of(" \"'<>#?&\\") == image->npos);
}

TEST_CASE("methods: tells what was done from what was not") {
  for (const char* body :
       {R"({"result":true})", R"({"result":{"result":true}})", R"({"result":1})",
        R"({"result":{"count":1}})", R"({"result":[]})", R"({"result":null,"time":{"start":1}})"}) {
    CAPTURE(body);
    CHECK(ReadDone(Answer(body)).has_value());
    CHECK(ReadBound(Answer(body)).has_value());
  }
  for (const char* body :
       {R"({"result":false})", R"({"result":{"result":false}})", R"({"result":""})"}) {
    CAPTURE(body);
    const CallResultOf<void> done = ReadDone(Answer(body));
    REQUIRE_FALSE(done.has_value());
    CHECK(done.error().fault == Fault::kPermanent);
    CHECK(done.error().word == "not_done");
  }
  const CallResultOf<void> failed = ReadDone(kFailed);
  REQUIRE_FALSE(failed.has_value());
  CHECK(failed.error().word == "access_denied");
}

TEST_CASE("methods: a handler that is bound already is bound, another refusal is one") {
  const std::string bound = R"({"error":"ERROR_CORE","error_description":)"
                            R"("Unable to set event handler: Handler already binded"})";

  CHECK(ReadBound(Answer(bound, 400)).has_value());
  CHECK(ReadBound(Answer(bound, 200)).has_value());
  CHECK_FALSE(ReadDone(Answer(bound, 400)).has_value());
  CHECK_FALSE(ReadBound(Answer(R"({"error":"ERROR_CORE","error_description":"x"})")).has_value());
  CHECK_FALSE(ReadBound(Answer(R"({"error":"ERROR_EVENT_NOT_FOUND"})", 400)).has_value());
  CHECK_FALSE(ReadBound(kFailed).has_value());
}

TEST_CASE("methods: reads the status of a connector on a line") {
  const CallResultOf<ConnectorStatus> active = ReadConnectorStatus(Answer(
      R"({"result":{"LINE":107,"CONNECTOR":"c","ERROR":false,"CONFIGURED":true,"STATUS":true}})"));
  const CallResultOf<ConnectorStatus> error = ReadConnectorStatus(
      Answer(R"({"result":{"LINE":"107","ERROR":"Y","CONFIGURED":"Y","STATUS":"N"}})"));

  REQUIRE(active.has_value());
  CHECK(active->configured);
  CHECK(active->active);
  CHECK_FALSE(active->error);
  REQUIRE(error.has_value());
  CHECK(error->configured);
  CHECK_FALSE(error->active);
  CHECK(error->error);
  CheckBroken(ReadConnectorStatus(Answer(R"({"result":true})")));
  CheckBroken(ReadConnectorStatus(Answer(R"({"result":[]})")));
  CHECK_FALSE(ReadConnectorStatus(kFailed).has_value());
}

TEST_CASE("methods: reads the connectors of a portal") {
  const CallResultOf<std::vector<ConnectorId>> some =
      ReadConnectors(Answer(R"({"result":{"livechat":"Live chat","Relay":"x"}})"));

  REQUIRE(some.has_value());
  CHECK(*some == std::vector<ConnectorId>{ConnectorId("livechat"), ConnectorId("relay")});
  CHECK(ReadConnectors(Answer(R"({"result":[]})"))->empty());
  CHECK_FALSE(ReadConnectors(kFailed).has_value());
}

TEST_CASE("methods: reads the handlers of events") {
  const CallResultOf<std::vector<EventHandler>> rows = ReadEventHandlers(Answer(R"({"result":[
      {"event":"ONAPPTEST","handler":"https:\/\/a.example\/x","auth_type":"15","offline":0},
      {"event":"onAppTest","handler":"https:\/\/a.example\/x","auth_type":0,"offline":0},
      {"event":"ONIMCONNECTORMESSAGEADD","connector_id":"","offline":1}]})"));

  REQUIRE(rows.has_value());
  REQUIRE(rows->size() == 3);
  CHECK((*rows)[0].event == "ONAPPTEST");
  CHECK((*rows)[0].url == "https://a.example/x");
  CHECK((*rows)[0].auth_type == "15");
  CHECK_FALSE((*rows)[0].offline);
  CHECK((*rows)[1].event == "ONAPPTEST");
  CHECK((*rows)[1].auth_type == "0");
  CHECK((*rows)[2].event == "ONIMCONNECTORMESSAGEADD");
  CHECK((*rows)[2].url.empty());
  CHECK((*rows)[2].offline);
  CHECK(ReadEventHandlers(Answer(R"({"result":[],"time":{"start":1}})"))->empty());
  CheckBroken(ReadEventHandlers(Answer(R"({"result":true})")));
  CheckBroken(ReadEventHandlers(Answer(R"({"result":[{"handler":"x"}]})")));
  CheckBroken(ReadEventHandlers(Answer(R"({"result":["ONAPPTEST"]})")));
  CHECK_FALSE(ReadEventHandlers(kFailed).has_value());
}

TEST_CASE("methods: reads what a portal says of the application") {
  const CallResultOf<AppInfo> info = ReadAppInfo(
      Answer(R"({"result":{"ID":5,"CODE":"local.1","VERSION":4,"STATUS":"L","INSTALLED":true,)"
             R"("PAYMENT_EXPIRED":"N","DAYS":null,"LICENSE":"de_ent250"}})"));
  const CallResultOf<AppInfo> expired =
      ReadAppInfo(Answer(R"({"result":{"VERSION":"2","INSTALLED":false,"PAYMENT_EXPIRED":"Y"}})"));

  REQUIRE(info.has_value());
  CHECK(info->installed);
  CHECK(info->status == "L");
  CHECK(info->license == "de_ent250");
  CHECK_FALSE(info->payment_expired);
  CHECK(info->version == 4);
  REQUIRE(expired.has_value());
  CHECK_FALSE(expired->installed);
  CHECK(expired->payment_expired);
  CHECK(expired->version == 2);
  CheckBroken(ReadAppInfo(Answer(R"({"result":{"ID":5}})")));
  CHECK_FALSE(ReadAppInfo(kFailed).has_value());
}

TEST_CASE("methods: reads scopes and features") {
  const CallResultOf<std::vector<std::string>> scope =
      ReadScope(Answer(R"({"result":["imopenlines","IMCONNECTOR"]})"));

  REQUIRE(scope.has_value());
  CHECK(*scope == std::vector<std::string>{"imopenlines", "imconnector"});
  CHECK(ReadScope(Answer(R"({"result":[]})"))->empty());
  CheckBroken(ReadScope(Answer(R"({"result":"im"})")));
  CHECK(ReadFeature(Answer(R"({"result":{"value":"Y"}})")).value());
  CHECK(ReadFeature(Answer(R"({"result":{"value":"en_selfhosted"}})")).value());
  CHECK_FALSE(ReadFeature(Answer(R"({"result":{"value":"N"}})")).value());
  CheckBroken(ReadFeature(Answer(R"({"result":true})")));
  CHECK_FALSE(ReadScope(kFailed).has_value());
  CHECK_FALSE(ReadFeature(kFailed).has_value());
}

}  // namespace
}  // namespace imrelay
