#include "tests/portal/portal_bench.h"

namespace imrelay::stand_in {
namespace {

TEST_CASE("methods: the two app.info are told apart by who is asked") {
  PortalBench bench;
  CHECK(At(bench.Call("app.info").body, "result.INSTALLED") == "1");

  HttpRequest request;
  request.url = bench.portal->Url() + "/rest/app.info";
  request.headers = {{"Authorization", "Bearer " + bench.tokens.access_token}};
  const Tree owner = bench.Send(request).body;
  CHECK(At(owner, "result.client_id") == "demo-client");
  CHECK(At(owner, "result.install.uri") + "/rest/" == bench.portal->ClientEndpoint());
}

TEST_CASE("methods: a token comes in three ways, the parameters as JSON or a form") {
  PortalBench bench;
  HttpRequest request;
  request.url = bench.portal->ClientEndpoint() + "feature.get.json";
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
  request.body = "code=x&access_token=" + bench.tokens.access_token;
  CHECK(At(bench.Send(request).body, "result.value") == "N");
  request.body = "code=x&filler=" + std::string(20000, 'x');
  CHECK(bench.Send(request).error() == "NO_AUTH_FOUND");
  request.headers["Authorization"] = "Bearer " + bench.tokens.access_token;
  CHECK(At(bench.Send(request).body, "result.value") == "N");
  CHECK(bench.Call("no.such.method").error() == "ERROR_METHOD_NOT_FOUND");
}

TEST_CASE("methods: events are bound once, by whom may, where they may be posted to") {
  PortalBench bench;
  const auto bind = [&](const std::string& token, const std::string& event,
                        const std::string& rest) {
    return bench.CallAs(token, "event.bind", R"("event":")" + event + "\"," + rest).error();
  };
  const std::string token = bench.tokens.access_token;
  const std::string user = bench.portal->Issue({"m1", "", "", 5, false, ""}).access_token;
  const std::string here = R"("handler":"https://relay.example/event")";
  const std::string offline = R"("event_type":"offline")";

  CHECK(bind(token, "OnImConnectorMessageAdd", here).empty());
  CHECK(bind(token, "ONIMCONNECTORMESSAGEADD", here) == "ERROR_CORE");
  CHECK(bind(token, "OnImConnectorMessageAdd", offline).empty());
  CHECK(bind(token, "OnImConnectorMessageAdd", offline) == "ERROR_CORE");
  CHECK(bind(user, "OnImConnectorMessageAdd", offline) == "ACCESS_DENIED");
  CHECK(bind(token, "OnNothing", here) == "ERROR_EVENT_NOT_FOUND");
  CHECK(bind(token, "OnAppTest", R"("handler":"https://localhost/x")") ==
        "ERROR_WRONG_HANDLER_URL");
  CHECK(bind(token, "OnAppTest", R"("handler":"ftp://relay.example/x")") ==
        "ERROR_UNSUPPORTED_PROTOCOL");
  CHECK(bind(token, "OnAppTest", R"("x":1)") == "ERROR_ARGUMENT");

  const Tree list = bench.Call("event.get").body;
  CHECK(At(list, "result.0.handler") == "https://relay.example/event");
  CHECK(At(list, "result.1.offline") == "1");
  const std::string event = R"("event":"OnImConnectorMessageAdd",)";
  CHECK(At(bench.Call("event.unbind", event + here).body, "result.count") == "1");
  CHECK(At(bench.Call("event.unbind", event + here).body, "result.count") == "0");
  CHECK(At(bench.Call("event.unbind", event + offline).body, "result.count") == "1");
}

TEST_CASE("methods: the connector events and methods need their scope") {
  PortalBench bench;
  const std::string token =
      bench.portal->Issue({"m1", "", "imconnector", 1, true, ""}).access_token;

  CHECK(bench
            .CallAs(token, "event.bind",
                    R"("event":"OnImConnectorMessageAdd","handler":"https://a.example/")")
            .error() == "ERROR_EVENT_NOT_FOUND");
  CHECK(bench.CallAs(token, "imconnector.list").error() == "insufficient_scope");
}

TEST_CASE("methods: a registration fails inside status 200, in both shapes") {
  PortalBench bench;
  PortalBench::RestAnswer answer = bench.Call("imconnector.register", R"("ID":"x","NAME":"X")");
  CHECK(answer.status == 200);
  CHECK(At(answer.body, "result.error") == "ICON_REQUIRED");
  bench.Control("setting", R"("nested_failures":false)");
  answer = bench.Call("imconnector.register", R"("ID":"x","NAME":"X")");
  CHECK(answer.status == 200);
  CHECK(answer.error() == "ICON_REQUIRED");

  answer =
      bench.Call("imconnector.register", R"("ID":"X","NAME":"X","ICON":{"DATA_IMAGE":"data:"},)"
                                         R"("PLACEMENT_HANDLER":"https://relay.example/settings")");
  CHECK(At(answer.body, "result.result") == "1");
  CHECK(At(bench.Call("imconnector.list").body, "result.x") == "X");
}

TEST_CASE("methods: ACTIVE is PHP's truth, and 0 is echoed to the caller") {
  PortalBench bench;
  bench.Connect();
  bench.Bind("OnImConnectorStatusDelete");
  const std::string place = R"("CONNECTOR":"MyConnector","LINE":107)";
  const auto status = [&] {
    return At(bench.Call("imconnector.status", place).body, "result.STATUS");
  };
  for (const char* on : {"\"N\"", "\"false\"", "1", "true"}) {
    bench.Call("imconnector.activate", place + R"(,"ACTIVE":0)");
    CHECK(status() == "0");
    bench.Call("imconnector.activate", place + R"(,"ACTIVE":)" + on);
    CHECK(status() == "1");
  }
  bench.Call("imconnector.set.error", place);
  CHECK(status() == "0");
  CHECK(bench.Call("imconnector.chat.name.set", place + R"(,"CHAT_ID":1,"NAME":"n","USER_ID":1)")
            .error() == "NOT_ACTIVE_LINE");
  CHECK(bench.Call("imconnector.activate", place).status == 200);

  const Tree event = ParseForm(bench.handler.Await(5)[0]).value();
  CHECK(At(event, "data.connector") == "MyConnector");
}

}  // namespace
}  // namespace imrelay::stand_in
