#include "bitrix24/message_methods.h"

#include <doctest/doctest.h>

#include <string>

#include "bitrix24/answer.h"
#include "tests/fakes/fake_clock.h"

namespace imrelay {
namespace {

const ConnectorId kConnector{"relay"};
const LineId kLine{107};

CallResult Answer(const std::string& body) {
  return ReadPortalAnswer({200, {}, body}, FakeClock().Now());
}

TEST_CASE("message_methods: a confirmation names all ids in a list, even a single one") {
  const Confirmation two{ChatId(1807),
                         MessageId(86501),
                         ExternalChatId("c\"1"),
                         {ExternalMessageId("a"), ExternalMessageId("b")},
                         FromUnixSeconds(1773748800)};
  const Confirmation none{
      ChatId(1807), MessageId(86503), ExternalChatId("c2"), {}, FromUnixSeconds(1773748801)};

  const Call call = ConfirmDelivery(kConnector, kLine, {two, none});

  CHECK(call.method == "imconnector.send.status.delivery");
  CHECK(call.parameters ==
        R"({"CONNECTOR":"relay","LINE":107,"MESSAGES":[)"
        R"({"im":{"chat_id":1807,"message_id":86501},"message":{"id":["a","b"],)"
        R"("date":1773748800},"chat":{"id":"c\"1"}},)"
        R"({"im":{"chat_id":1807,"message_id":86503},"message":{"date":1773748801},)"
        R"("chat":{"id":"c2"}}]})");
}

TEST_CASE("message_methods: the client's messages go as they are, one a call") {
  const std::string element = R"({"chat":{"id":"c"}})";
  const std::string parameters =
      R"({"CONNECTOR":"relay","LINE":107,"MESSAGES":[{"chat":{"id":"c"}}]})";

  CHECK(SendMessage(kConnector, kLine, element).method == "imconnector.send.messages");
  CHECK(UpdateMessage(kConnector, kLine, element).method == "imconnector.update.messages");
  CHECK(DeleteMessage(kConnector, kLine, element).method == "imconnector.delete.messages");
  CHECK(SendMessage(kConnector, kLine, element).parameters == parameters);
  CHECK(DeleteMessage(kConnector, kLine, element).parameters == parameters);
}

TEST_CASE("message_methods: a line for the operator is a system message") {
  const Call call = TellChat(ChatId(1807), "No.");
  CHECK(call.method == "im.message.add");
  CHECK(call.parameters == R"({"DIALOG_ID":"chat1807","MESSAGE":"No.","SYSTEM":"Y"})");
  CHECK(ReadTold(Answer(R"({"result":86509})")));
  CHECK_FALSE(ReadTold(Answer(R"({"result":false})")));
  CHECK_FALSE(ReadTold(Answer(R"({"result":[]})")));
  CHECK(ReadTold(Answer(R"({"error":"ACCESS_ERROR"})")).error().word == "access_error");
}

TEST_CASE("message_methods: what the answers say") {
  struct Case {
    const char* body;
    const char* word;  // null: it was done
    Fault fault = Fault::kPermanent;
  };
  const Case cases[] = {
      {R"({"result":{"SUCCESS":true,"DATA":[]}})", nullptr},
      {R"({"result":{"SUCCESS":true,"DATA":{"RESULT":[{"SUCCESS":true}]}}})", nullptr},
      {R"({"result":{"SUCCESS":true,"DATA":{"RESULT":[{"SUCCESS":false,"ERRORS":["NO_LUCK"]}]}}})",
       "no_luck"},
      {R"({"result":{"SUCCESS":true,"DATA":{"RESULT":{"7":{"SUCCESS":false,)"
       R"("ERRORS":[{"message":"the text of a message, \"quoted\""}]}}}}})",
       "refused"},
      {R"({"result":{"SUCCESS":true,"DATA":{"RESULT":[{"SUCCESS":false}]}}})", "refused"},
      {R"({"result":{"SUCCESS":false,"ERRORS":["NO_LUCK"]}})", "no_luck"},
      {R"({"result":true})", "broken_answer", Fault::kLater},
      {R"({"result":[]})", "broken_answer", Fault::kLater},
      {R"({"error":"NOT_ACTIVE_LINE"})", "not_active_line"},
  };
  for (const Case& one : cases) {
    CAPTURE(one.body);
    const CallResultOf<void> said = ReadSent(Answer(one.body));
    CHECK(said.has_value() == (one.word == nullptr));
    if (said || one.word == nullptr) continue;
    CHECK(said.error().word == one.word);
    CHECK(said.error().fault == one.fault);
  }
}

}  // namespace
}  // namespace imrelay
