#include <thread>

#include "tests/portal/event_sender.h"
#include "tests/portal/portal_bench.h"

namespace imrelay::stand_in {
namespace {

// The names of a form's fields, in order.
std::vector<std::string> FieldsOf(const std::string& form) {
  std::vector<std::string> names;
  std::size_t from = 0;
  while (from < form.size()) {
    const std::size_t to = std::min(form.find('&', from), form.size());
    names.push_back(form.substr(from, form.find('=', from) - from));
    from = to + 1;
  }
  return names;
}

// A recorded body has this shape: the same fields in the same order.
void CheckShape(const std::string& body, const std::string& fixture) {
  CAPTURE(fixture);
  std::ifstream file(std::string(IMRELAY_TEST_DATA) + "/wire/" + fixture + ".form");
  const std::string recorded{std::istreambuf_iterator<char>(file), {}};
  REQUIRE(!recorded.empty());
  CHECK(FieldsOf(body) == FieldsOf(recorded));
}

TEST_CASE("events: an installation's life has the shape of the recorded bodies") {
  PortalBench bench;

  bench.Control("install", R"("handler":")" + bench.handler.Url() + '"');
  for (const char* event : {"OnAppUpdate", "OnAppUninstall", "OnAppTest"}) {
    bench.Control("bind", R"("event":")" + std::string(event) + R"(","handler":")" +
                              bench.handler.Url() + '"');
  }
  bench.tokens = bench.portal->Issue({"m1", "", "", 1, true, ""});
  bench.Call("event.test", R"("any":"data")");
  bench.Control("update");
  bench.Control("uninstall", R"("clean":true)");

  const std::vector<std::string> bodies = bench.handler.Await(4);
  CheckShape(bodies[0], "onappinstall");
  CheckShape(bodies[1], "onapptest-event-test");
  CheckShape(bodies[2], "onappupdate");
  CheckShape(bodies[3], "onappuninstall");
  CHECK(bench.Call("profile").error() == "APPLICATION_NOT_FOUND");
}

TEST_CASE("events: messages, dialogs and lines have the shape of the recorded bodies") {
  PortalBench bench;
  bench.Connect();
  for (const char* event :
       {"OnImConnectorDialogStart", "OnImConnectorDialogFinish", "OnImConnectorStatusDelete",
        "OnImConnectorLineDelete", "OnOfflineEvent"}) {
    bench.Bind(event);
  }

  const std::string first = bench.OperatorSends("Guten Tag!");
  bench.Confirm(first, R"(["ext-msg-005","ext-msg-006"])");
  bench.Control("edit", R"("text":"Guten Abend!","message_id":)" + first);
  bench.Control("delete", R"("user_id":0,"message_id":)" + first);
  bench.OperatorSends("", R"(,"files":[{"name":"a b.png","type":"image","mime":"image/png",
      "link":"https://p.example/~a","downloadLink":"","size":12345,"sizef":"12.06 KB",
      "width":640,"height":480}])");
  bench.Control("finish-dialog", R"("connector":"myconnector","line":107)");
  bench.Control("bind", R"("event":"OnImConnectorLineDelete","offline":true)");
  bench.Control("delete-line", R"("line":107)");

  const std::vector<std::string> bodies = bench.handler.Await(9);
  const char* const kShapes[] = {"dialogstart",
                                 "messageadd-text",
                                 "messageupdate-2-external-ids",
                                 "messagedelete-2-external-ids-no-tokens",
                                 "messageadd-file-no-text",
                                 "dialogfinish",
                                 "statusdelete",
                                 "linedelete",
                                 "onofflineevent"};
  for (std::size_t i = 0; i < std::size(kShapes); ++i) CheckShape(bodies[i], kShapes[i]);
  CHECK(At(*ParseForm(bodies[2]), "data.MESSAGES.0.message.text") ==
        "[b]Klaus Weber:[/b][br] Guten Abend!");
}

TEST_CASE("events: nothing is told before the installation is finished, or after it expired") {
  PortalBench bench;
  bench.Connect();
  bench.Bind("OnAppInstall");
  bench.Control("portal", R"("installed":false)");
  bench.OperatorSends("not told");
  bench.Control("finish");
  bench.Control("portal", R"("payment_expired":true)");
  bench.OperatorSends("not told either");
  bench.Control("portal", R"("payment_expired":false)");
  bench.OperatorSends("told");

  CHECK(bench.handler.names(2) ==
        std::vector<std::string>{"ONAPPINSTALL", "ONIMCONNECTORMESSAGEADD"});
}

TEST_CASE("events: are lost, doubled and reordered on demand, and kept in the offline queue") {
  PortalBench bench;
  bench.Connect();
  bench.Call("event.bind", R"("event":"OnImConnectorMessageAdd","event_type":"offline")");
  const std::string fault = R"("endpoint":"ONIMCONNECTORMESSAGEADD","mode":)";
  bench.Control("fault", fault + R"("lose")");
  bench.OperatorSends("1");
  bench.Control("fault", fault + R"("double")");
  bench.OperatorSends("2");
  bench.Control("fault", fault + R"("hold")");
  bench.OperatorSends("3");
  bench.OperatorSends("4");

  std::string order;
  for (const std::string& body : bench.handler.Await(4)) {
    order += At(*ParseForm(body), "data.MESSAGES.0.message.text").back();
  }
  CHECK(order == "2243");
  CHECK(At(bench.Call("event.offline.list").body, "total") == "4");
}

TEST_CASE("events: a handler that is slow waits longer, and is posted to once all the same") {
  PortalBench bench;
  LoopbackServer slow;
  slow.server().Post("/event", [](const httplib::Request&, httplib::Response& response) {
    std::this_thread::sleep_for(EventSender::kSlow + std::chrono::milliseconds(100));
    response.status = 500;
  });
  REQUIRE(slow.Start());
  bench.Control("install", R"("handler":")" + slow.Url() + R"(/event")");
  const auto look = [&](const char* what) {
    httplib::Client client(bench.portal->Url());
    return client.Get(std::string("/control/") + what)->body;
  };

  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (look("events").find("ONAPPINSTALL") == std::string::npos) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }

  CHECK(look("handlers").find(R"("pause_ms":250)") != std::string::npos);
  CHECK(look("events").find(R"("status":500)") != std::string::npos);
  CHECK(look("events").find("token%5D") == std::string::npos);
}

}  // namespace
}  // namespace imrelay::stand_in
