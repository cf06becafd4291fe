#include "channel/webhook_call.h"

#include <doctest/doctest.h>

#include <string>

#include "tests/channel/webhook_bench.h"

namespace imrelay {
namespace {

constexpr const char* kHead =
    R"("timestamp":"2026-03-17T15:16:17Z","data":{"portal":"bac1cd5c8940947a75e0d71b1a84e348",)"
    R"("connector":"myconnector","line":107,)";

std::string BodyOf(const Delivery& delivery, CallForm form = CallForm::kAsItIs) {
  return MakeWebhookCall(delivery, form).body;
}

TEST_CASE("webhook call: a deletion is told as the contract says") {
  CHECK(BodyOf(MessageDelivery(kind::kMessageDeleted)) ==
        std::string(R"({"type":"message.deleted",)") + kHead +
            R"("chat":{"id":"channel-123"},"message":{"id":"ext-msg-005"},)"
            R"("im":{"chat_id":1807,"message_id":86501}}})");
}

TEST_CASE("webhook call: a new message carries plain text, BBCode, files and who wrote it") {
  const WebhookCall call = MakeWebhookCall(
      MessageDelivery(
          kind::kMessageCreated,
          R"({"text":"[b]Klaus Weber:[/b] [br]Guten [i]Tag[/i]!","user_id":27,"files":[)"
          R"({"name":"a b.png","type":"image","mime":"image/png","link":"https://p.example/~A",)"
          R"("download_link":"","size":12345},{"name":"x","type":"file","mime":"",)"
          R"("link":"https://p.example/~B","download_link":"https://p.example/d"}]})"),
      CallForm::kAsItIs);

  CHECK(call.id == "b91c-7");
  CHECK(call.plain == "Guten Tag!");
  CHECK(call.bbcode == "[b]Klaus Weber:[/b] [br]Guten [i]Tag[/i]!");
  CHECK(call.body ==
        std::string(R"({"type":"message.created",)") + kHead +
            R"("chat":{"id":"channel-123"},"message":{"text":"Guten Tag!",)"
            R"("bbcode":"[b]Klaus Weber:[/b] [br]Guten [i]Tag[/i]!","signature":"Klaus Weber",)"
            R"("files":[{"name":"a b.png","type":"image","mime":"image/png",)"
            R"("url":"https://p.example/~A","size":12345},{"name":"x","type":"file",)"
            R"("url":"https://p.example/~B","download_url":"https://p.example/d"}],)"
            R"("user":{"id":27}},"im":{"chat_id":1807,"message_id":86501}}})");
}

TEST_CASE("webhook call: an edit names the message and its new text") {
  CHECK(BodyOf(MessageDelivery(kind::kMessageUpdated, R"({"text":"new"})")) ==
        std::string(R"({"type":"message.updated",)") + kHead +
            R"("chat":{"id":"channel-123"},"message":{"id":"ext-msg-005","text":"new",)"
            R"("bbcode":"new"},"im":{"chat_id":1807,"message_id":86501}}})");
}

TEST_CASE("webhook call: a removal as an edit is a call of its own") {
  const WebhookCall call =
      MakeWebhookCall(MessageDelivery(kind::kMessageDeleted), CallForm::kRemovalAsEdit);

  CHECK(call.id == "b91c-7-edit");
  CHECK(call.body == std::string(R"({"type":"message.updated",)") + kHead +
                         R"("chat":{"id":"channel-123"},"message":{"id":"ext-msg-005",)"
                         R"("text":"message removed","bbcode":"message removed","deleted":true},)"
                         R"("im":{"chat_id":1807,"message_id":86501}}})");
}

TEST_CASE("webhook call: what is not known is left out") {
  Delivery delivery = MessageDelivery(kind::kMessageDeleted);
  delivery.external_message_id.reset();
  delivery.message_id.reset();
  delivery.chat_id = ChatId(0);

  CHECK(BodyOf(delivery) == std::string(R"({"type":"message.deleted",)") + kHead +
                                R"("chat":{"id":"channel-123"},"message":{},"im":{}}})");
}

TEST_CASE("webhook call: sessions of a dialog") {
  Delivery delivery =
      MessageDelivery(kind::kDialogFinished, R"({"session_id":3282,"user_id":585,"closed":true})");
  CHECK(BodyOf(delivery) == std::string(R"({"type":"dialog.finished",)") + kHead +
                                R"("chat":{"id":"channel-123"},)"
                                R"("session":{"id":3282,"closed":true},"user":{"id":585}}})");
}

TEST_CASE("webhook call: lines and portals have no chat") {
  Delivery delivery;
  delivery.kind = kind::kPortalUninstalled;
  delivery.key = "b91c-8";
  delivery.member_id = MemberId("bac1");
  delivery.created_at = FromUnixSeconds(1773760577);
  CHECK(BodyOf(delivery) == R"({"type":"portal.uninstalled","timestamp":"2026-03-17T15:16:17Z",)"
                            R"("data":{"portal":"bac1"}})");

  delivery.kind = kind::kLineDeleted;
  delivery.line = LineId(107);
  CHECK(BodyOf(delivery) == R"({"type":"line.deleted","timestamp":"2026-03-17T15:16:17Z",)"
                            R"("data":{"portal":"bac1","line":107}})");
}

}  // namespace
}  // namespace imrelay
