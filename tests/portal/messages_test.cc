#include "tests/portal/portal_bench.h"

namespace imrelay::stand_in {
namespace {

constexpr const char* kAdd = "ONIMCONNECTORMESSAGEADD";
constexpr const char* kDelete = "ONIMCONNECTORMESSAGEDELETE";

TEST_CASE("messages: without a confirmation that carried ids no edit and no deletion is told") {
  PortalBench bench;
  bench.Connect();
  const std::string unconfirmed = bench.OperatorSends("1");
  const std::string without_ids = bench.OperatorSends("2");
  const std::string zero = bench.OperatorSends("3");
  const std::string confirmed = bench.OperatorSends("4");
  CHECK(bench.Confirm(without_ids, "[]").status == 200);
  CHECK(bench.Confirm(zero, R"(["0"," "])").status == 200);
  CHECK(bench.Confirm(confirmed, R"(" ext-1 ")").status == 200);

  for (const std::string& id : {unconfirmed, without_ids, zero, confirmed}) {
    bench.Control("edit", R"("text":"x","message_id":)" + id);
    bench.Control("delete", R"("message_id":)" + id);
  }
  CHECK(At(bench.Confirm(unconfirmed, R"(["late"])").body, "result.SUCCESS") == "1");
  bench.Control("delete", R"("message_id":)" + unconfirmed);
  bench.OperatorSends("5");

  CHECK(bench.handler.names(7) == std::vector<std::string>{kAdd, kAdd, kAdd, kAdd,
                                                           "ONIMCONNECTORMESSAGEUPDATE", kDelete,
                                                           kAdd});
  CHECK(At(*ParseForm(bench.handler.Await(7)[5]), "data.MESSAGES.0.message.id") == "ext-1");
}

TEST_CASE("messages: the first confirmation is the only one; an edit to nothing deletes") {
  PortalBench bench;
  bench.Connect();
  const std::string id = bench.OperatorSends("1");
  const std::string long_id(101, 'x');
  bench.Confirm(id, R"(["a",")" + long_id + R"("])");
  bench.Confirm(id, R"(["b"])");
  bench.Control("edit", R"("text":"","message_id":)" + id);

  CHECK(bench.handler.names(2)[1] == kDelete);
  const Tree event = ParseForm(bench.handler.Await(2)[1]).value();
  CHECK(At(event, "data.MESSAGES.0.message.id") == "a");
  CHECK(At(event, "data.MESSAGES.1.message.id") == std::string(97, 'x') + "...");
  CHECK(At(event, "data.MESSAGES.2.message.id") == "(none)");
}

TEST_CASE("messages: a client's can be deleted by the operator; our own deletion has no echo") {
  PortalBench bench;
  bench.Connect();
  const std::string place = R"("CONNECTOR":"myconnector","LINE":107,"MESSAGES":)";
  const std::string who = R"("user":{"id":"u1"},"chat":{"id":"c1|cut"})";

  const PortalBench::RestAnswer sent =
      bench.Call("imconnector.send.messages", place + "[{" + who +
                                                  R"(,"message":{"id":"in-1","text":"Hallo"}},{)" +
                                                  who + R"(,"message":{"id":"in-2"}}])");
  CHECK(At(sent.body, "result.SUCCESS") == "1");
  CHECK(At(sent.body, "result.DATA.RESULT.0.SUCCESS") == "1");
  CHECK(At(sent.body, "result.DATA.RESULT.1.SUCCESS") == "0");
  const std::string chat = At(sent.body, "result.DATA.RESULT.0.session.CHAT_ID");
  const PortalBench::RestAnswer read =
      bench.Call("im.dialog.messages.get", R"("DIALOG_ID":"chat)" + chat + '"');
  bench.Control("delete", R"("message_id":)" + At(read.body, "result.messages.0.id"));
  const std::string own = bench.OperatorSends("1");
  bench.Confirm(own, R"(["out-1"])");
  CHECK(bench
            .Call("imconnector.delete.messages",
                  place + R"([{"user":{"id":"u1"},"chat":{"id":"channel-123"},)"
                          R"("message":{"id":"out-1"}}])")
            .status == 200);
  CHECK(At(bench.Control("delete", R"("message_id":)" + own), "error") == "no_message");

  CHECK(bench.handler.names(2) == std::vector<std::string>{kDelete, kAdd});
  const Tree event = ParseForm(bench.handler.Await(2)[0]).value();
  CHECK(At(event, "data.MESSAGES.0.message.id") == "in-1");
  CHECK(At(event, "data.MESSAGES.0.chat.id") == "c1");
}

TEST_CASE("messages: confirmations are counted, whether they count or not") {
  PortalBench bench;
  bench.Connect();
  const std::string id = bench.OperatorSends("1");
  bench.Confirm(id, R"(["a","b"])");
  bench.Confirm(id, R"(["c"])");
  bench.Confirm("1", R"(["x"])");

  const Tree portal = bench.Control("portal");
  CHECK(At(portal, "messages.0.confirmations") == "2");
  CHECK(At(portal, "messages.0.external_ids.1") == "b");
  CHECK(At(portal, "stray_confirmations") == "1");
  CHECK(At(portal, "largest_confirmation") == "1");
}

TEST_CASE(
    "messages: a system message is not passed on, another one is the caller's to the client") {
  PortalBench bench;
  bench.Connect();
  bench.OperatorSends("1");
  const std::string dialog = R"("DIALOG_ID":"chat1807")";

  const std::string id =
      At(bench.Call("im.message.add", dialog + R"(,"MESSAGE":"Note","SYSTEM":"Y")").body, "result");
  CHECK(At(bench.Control("portal"), "messages.1.message_id") == id);
  CHECK(At(bench.Control("portal"), "messages.1.system") == "1");
  CHECK(bench.Call("im.message.add", dialog).error() == "MESSAGE_EMPTY");
  CHECK(bench.Call("im.message.add", R"("DIALOG_ID":"chat1","MESSAGE":"x")").error() ==
        "ACCESS_ERROR");
  CHECK(bench.Call("im.message.add", dialog + R"(,"MESSAGE":"Hello")").status == 200);

  CHECK(bench.handler.names(2) == std::vector<std::string>{kAdd, kAdd});
  CHECK(At(*ParseForm(bench.handler.Await(2)[1]), "data.MESSAGES.0.message.text") ==
        "[b]Klaus Weber:[/b] [br]Hello");
}

TEST_CASE("messages: operators write many, and edit and delete a share of what was confirmed") {
  PortalBench bench;
  bench.Connect();
  const std::string all = R"("connector":"myconnector","line":107,"edits":1,"deletions":1)";

  CHECK(At(bench.Control("traffic", all + R"(,"messages":4,"chats":2)"), "unconfirmed") == "4");
  bench.Confirm(At(bench.Control("portal"), "messages.0.message_id"), R"(["a"])");
  const Tree settled = bench.Control("traffic", all);
  CHECK(At(settled, "edited") == "1");
  CHECK(At(settled, "deleted") == "1");
  CHECK(At(settled, "unconfirmed") == "3");
  CHECK(At(bench.Control("traffic", all), "deleted") == "0");
  CHECK(At(bench.Control("portal"), "messages.3.chat") == "channel-1");

  CHECK(bench.handler.names(6) ==
        std::vector<std::string>{kAdd, kAdd, kAdd, kAdd, "ONIMCONNECTORMESSAGEUPDATE", kDelete});
}

TEST_CASE("messages: a connector registered without editing lets nothing be deleted") {
  PortalBench bench;
  bench.Control("connector",
                R"("connector":"myconnector","line":107,"EDIT_INTERNAL_MESSAGES":false)");
  const std::string id = bench.OperatorSends("1");

  CHECK(At(bench.Control("delete", R"("message_id":)" + id), "error") == "not_allowed");
}

TEST_CASE("offline queue: same data are one row, and the safe way needs a plan") {
  PortalBench bench;
  bench.Connect();
  for (const char* event : {"OnImConnectorMessageAdd", "OnImConnectorStatusDelete"}) {
    const std::string offline = R"("event_type":"offline","event":")" + std::string(event) + '"';
    REQUIRE(bench.Call("event.bind", offline).status == 200);
  }
  bench.OperatorSends("1");
  bench.OperatorSends("2");
  const std::string place = R"("CONNECTOR":"myconnector","LINE":107)";
  // Our own call's echo is not queued; the operator's act is, twice the same is one.
  bench.Call("imconnector.activate", place + R"(,"ACTIVE":0)");
  for (int i = 0; i < 2; ++i) {
    bench.Call("imconnector.activate", place + R"(,"ACTIVE":"N")");
    bench.Control("disconnect", R"("connector":"myconnector","line":107)");
  }
  CHECK(At(bench.Call("event.offline.list").body, "total") == "3");
  CHECK(At(bench.Call("event.offline.list", R"("filter":{"<=ID":2})").body, "total") == "2");
  CHECK(bench.Call("event.offline.get", R"("clear":0)").error() == "WRONG_LICENSE");

  bench.Control("portal", R"("features":["rest_offline_extended"])");
  const Tree reserved = bench.Call("event.offline.get", R"("clear":0,"limit":2)").body;
  const std::string process = At(reserved, "result.process_id");
  CHECK(At(reserved, "result.events.0.EVENT_DATA.LINE") == "107");
  CHECK(At(bench.Call("event.offline.get").body, "result.events.1.ID") == "(none)");
  bench.Call("event.offline.error", R"("process_id":")" + process + R"(","message_id":[")" +
                                        At(reserved, "result.events.0.MESSAGE_ID") + R"("])");
  bench.Call("event.offline.clear", R"("process_id":")" + process + '"');
  CHECK(At(bench.Call("event.offline.list").body, "total") == "1");
  const Tree failed = bench.Call("event.offline.get", R"("error":1)").body;
  CHECK(At(failed, "result.events.0.ID") == At(reserved, "result.events.0.ID"));
}

}  // namespace
}  // namespace imrelay::stand_in
