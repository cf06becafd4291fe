#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "codec/event_decoder.h"
#include "codec/form.h"
#include "codec/json.h"

namespace imrelay {
namespace {

constexpr std::string_view kDelete =
    "event=ONIMCONNECTORMESSAGEDELETE&data[CONNECTOR]=c&data[LINE]=107";
constexpr std::string_view kElement =
    "&data[MESSAGES][0][im][chat_id]=1807&data[MESSAGES][0][im][message_id]=86501"
    "&data[MESSAGES][0][chat][id]=channel-123";

Event Decode(const std::string& form) {
  const Result<Tree> tree = ParseForm(form);
  REQUIRE(tree);
  Result<Event> event = DecodeEvent(*tree);
  REQUIRE(event);
  return *std::move(event);
}

Event DecodeJson(std::string_view json) {
  const Result<Tree> tree = ParseJson(json);
  REQUIRE(tree);
  Result<Event> event = DecodeEvent(*tree);
  REQUIRE(event);
  return *std::move(event);
}

// A Delete with the usual element and what is added to it.
Event Delete(const std::string& more) {
  return Decode(std::string(kDelete) + std::string(kElement) + more);
}

std::vector<std::string> ExternalIds(const Event& event) {
  std::vector<std::string> ids;
  for (const EventMessage& message : event.messages) {
    for (const ExternalMessageId& id : message.external_ids) ids.push_back(id.value());
  }
  return ids;
}

using Ids = std::vector<std::string>;

TEST_CASE("event_decoder: message.id may be a text or a list with any keys") {
  CHECK(ExternalIds(Delete("&data[MESSAGES][0][message][id]=x")) == Ids{"x"});
  CHECK(ExternalIds(Delete("&data[MESSAGES][0][message][id][0]=x")) == Ids{"x"});
  CHECK(ExternalIds(
            Delete("&data[MESSAGES][0][message][id][]=x&data[MESSAGES][0][message][id][]=y")) ==
        Ids{"x", "y"});
  CHECK(ExternalIds(
            Delete("&data[MESSAGES][0][message][id][b]=x&data[MESSAGES][0][message][id][a]=y")) ==
        Ids{"x", "y"});
}

TEST_CASE("event_decoder: external ids are trimmed and kept once; empty ones and 0 are none") {
  const std::string key = "&data[MESSAGES][0][message][id]";

  CHECK(ExternalIds(Delete(key + "[]=y" + key + "[]=+x%0A" + key + "[]=x" + key + "[]=" + key +
                           "[]=0" + key + "[]=y")) == Ids{"y", "x"});
  CHECK(ExternalIds(Delete(key + "=0")).empty());
  CHECK(Delete(key + "=").unusable == "");
  CHECK(Delete("").messages.size() == 1);
}

TEST_CASE("event_decoder: a Delete without external ids can be used, its message is known") {
  const Event event = Delete("");

  CHECK(event.unusable == "");
  REQUIRE(event.messages.size() == 1);
  CHECK(event.messages[0].message_id.value() == 86501);
}

TEST_CASE("event_decoder: MESSAGES and DATA are taken for each other") {
  const Event message = DecodeJson(
      R"({"event":"ONIMCONNECTORMESSAGEDELETE","data":{"CONNECTOR":"c","LINE":1,"DATA":[
          {"im":{"chat_id":2,"message_id":3},"chat":{"id":"x"},"message":{"id":"m"}}]}})");
  const Event dialog = DecodeJson(
      R"({"event":"ONIMCONNECTORDIALOGSTART","data":{"CONNECTOR":"c","LINE":1,"MESSAGES":[
          {"chat":{"id":"x"},"session":{"id":4}}]}})");

  CHECK(ExternalIds(message) == Ids{"m"});
  REQUIRE(dialog.dialogs.size() == 1);
  CHECK(dialog.dialogs[0].session_id == 4);
}

TEST_CASE("event_decoder: keys are accepted in either case at every level") {
  const Event event = DecodeJson(
      R"({"EVENT":"onImConnectorMessageDelete","DATA":{"connector":"MyConn","line":"1","messages":[
          {"IM":{"CHAT_ID":"2","MESSAGE_ID":"3"},"CHAT":{"ID":"x"},"MESSAGE":{"ID":["m"]}}]},
          "AUTH":{"MEMBER_ID":"abc","APPLICATION_TOKEN":"t"},"TS":"5"})");

  CHECK(event.name == "ONIMCONNECTORMESSAGEDELETE");
  CHECK(event.kind == EventKind::kMessageDelete);
  CHECK(event.connector.value() == "myconn");
  CHECK(event.unusable == "");
  CHECK(ExternalIds(event) == Ids{"m"});
  CHECK(event.auth.member_id.value() == "abc");
  CHECK(event.auth.application_token.Reveal() == "t");
  CHECK(event.ts == 5);
}

TEST_CASE("event_decoder: several elements keep their order, whatever their keys") {
  const Event event = DecodeJson(
      R"({"event":"ONIMCONNECTORMESSAGEDELETE","data":{"CONNECTOR":"c","LINE":1,"MESSAGES":{
          "7":{"im":{"chat_id":2,"message_id":3},"chat":{"id":"x"},"message":{"id":"m1"}},
          "2":{"im":{"chat_id":2,"message_id":4},"chat":{"id":"y"},"message":{"id":"m2"}}}}})");

  CHECK(ExternalIds(event) == Ids{"m1", "m2"});
}

TEST_CASE("event_decoder: elements that lack an id are skipped and counted") {
  const std::string base = "&data[MESSAGES][1]";

  const Event some = Delete(base + "[im][chat_id]=5&data[MESSAGES][2]=text");
  CHECK(some.unusable == "");
  CHECK(some.messages.size() == 1);
  CHECK(some.skipped == 2);
  CHECK(Delete(base + "[im][chat_id]=5" + base + "[im][message_id]=0" + base + "[chat][id]=x")
            .skipped == 1);
  CHECK(Delete(base + "[im][chat_id]=5" + base + "[im][message_id]=6" + base + "[chat][id]=")
            .skipped == 1);
}

TEST_CASE("event_decoder: says no_messages or no_dialogs when no element is left") {
  CHECK(Decode(std::string(kDelete)).unusable == "no_messages");
  CHECK(Decode(std::string(kDelete) + "&data[MESSAGES]=x").unusable == "no_messages");
  CHECK(Decode(std::string(kDelete) + "&data[MESSAGES][0][im][chat_id]=1").unusable ==
        "no_messages");
  CHECK(Decode("event=ONIMCONNECTORDIALOGFINISH&data[CONNECTOR]=c&data[LINE]=1").unusable ==
        "no_dialogs");
}

TEST_CASE("event_decoder: an id that is no number makes the event unusable") {
  for (const char* number :
       {"x", "-5", "1.5", "+5", " 5", "5 ", "0x10", "9223372036854775808", "1e3"}) {
    CAPTURE(number);
    std::string encoded(number);
    if (encoded[0] == '+') encoded = "%2B5";
    const Event event = Delete("&data[MESSAGES][0][im][message_id]=" + encoded);
    CHECK(event.unusable == "invalid_id");
    CHECK(event.messages.empty());
  }
  CHECK(Delete("&data[MESSAGES][0][im][chat_id][]=5").unusable == "invalid_id");
  CHECK(Delete("&data[MESSAGES][1][im][chat_id]=x").unusable == "invalid_id");
}

TEST_CASE("event_decoder: an id with wrong bytes or of wrong length makes the event unusable") {
  for (const std::string& id : {std::string("%FF"), std::string("a%00b"), std::string("a%0Ab"),
                                std::string("%7F"), std::string("%C3"), std::string(256, 'x')}) {
    CAPTURE(id);
    CHECK(Delete("&data[MESSAGES][0][message][id]=" + id).unusable == "invalid_id");
    CHECK(Delete("&data[MESSAGES][0][message][id][]=" + id).unusable == "invalid_id");
    CHECK(Delete("&data[MESSAGES][0][chat][id]=" + id).unusable == "invalid_id");
    const Event connector = Delete("&data[CONNECTOR]=" + id);
    CHECK(connector.unusable == "invalid_id");
    CHECK(connector.connector.value() == "");
  }
  CHECK(Delete("&data[MESSAGES][0][message][id][0][0]=x").unusable == "invalid_id");
  CHECK(Delete("&data[MESSAGES][0][message][id]=" + std::string(255, 'x')).unusable == "");
  CHECK(Delete("&data[MESSAGES][0][chat][id]=%C3%A9+b").unusable == "");
}

TEST_CASE("event_decoder: says no_connector and no_line") {
  CHECK(Decode("event=ONIMCONNECTORMESSAGEDELETE").unusable == "no_connector");
  CHECK(Decode("event=ONIMCONNECTORMESSAGEDELETE&data=107").unusable == "no_connector");
  CHECK(Decode("event=ONIMCONNECTORSTATUSDELETE&data[line]=1").unusable == "no_connector");
  CHECK(Decode("event=ONIMCONNECTORSTATUSDELETE&data[connector]=c").unusable == "no_line");
  for (const char* line : {"0", "x", "-1", "", "1 "}) {
    CAPTURE(line);
    CHECK(Delete("&data[LINE]=" + std::string(line)).unusable == "no_line");
  }
}

TEST_CASE("event_decoder: LineDelete takes a scalar and either case of LINE") {
  const std::string name = "event=ONIMCONNECTORLINEDELETE";

  CHECK(Decode(name + "&data=107").line.value() == 107);
  CHECK(Decode(name + "&data[LINE]=108").line.value() == 108);
  CHECK(Decode(name + "&data[line]=109").line.value() == 109);
  CHECK(Decode(name + "&data=107&data[LINE]=110").line.value() == 110);
  CHECK(DecodeJson(R"({"event":"ONIMCONNECTORLINEDELETE","data":111})").line.value() == 111);
  CHECK(Decode(name).unusable == "no_line");
  CHECK(Decode(name + "&data=0").unusable == "no_line");
  CHECK(Decode(name + "&data=abc").unusable == "no_line");
}

TEST_CASE("event_decoder: a dialog's chat may stand under connector only") {
  const std::string base = "event=ONIMCONNECTORDIALOGSTART&data[CONNECTOR]=c&data[LINE]=1";

  const Event event = Decode(base +
                             "&data[DATA][0][connector][chat_id]=x"
                             "&data[DATA][0][connector][user_id]=5");
  REQUIRE(event.dialogs.size() == 1);
  CHECK(event.dialogs[0].external_chat_id.value() == "x");
  CHECK(event.dialogs[0].user_id == 5);
  CHECK(
      Decode(base + "&data[DATA][0][chat][id]=%FF&data[DATA][0][connector][chat_id]=x").unusable ==
      "invalid_id");
  CHECK(Decode(base + "&data[DATA][0][chat][id]=x&data[DATA][0][session][id]=y").unusable ==
        "invalid_id");
  CHECK(Decode(base + "&data[DATA][0][session][id]=7").unusable == "no_dialogs");
}

TEST_CASE("event_decoder: an uninstallation erases only when CLEAN says so") {
  const std::string name = "event=ONAPPUNINSTALL&data[CLEAN]=";

  for (const char* yes : {"1", "true", "TRUE", "Y", "y"}) CHECK(Decode(name + yes).clean);
  for (const char* no : {"0", "", "N", "false", "2"}) CHECK_FALSE(Decode(name + no).clean);
  CHECK_FALSE(Decode("event=ONAPPUNINSTALL").clean);
  CHECK_FALSE(Decode("event=ONAPPINSTALL&data[CLEAN]=1").clean);
}

}  // namespace
}  // namespace imrelay
