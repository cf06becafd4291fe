#include "codec/event_decoder.h"

#include <doctest/doctest.h>

#include <string>

#include "codec/form.h"
#include "codec/json.h"

namespace imrelay {
namespace {

Result<Event> Decode(const std::string& form) {
  const Result<Tree> tree = ParseForm(form);
  REQUIRE(tree);
  return DecodeEvent(*tree);
}

std::string Canonical(const std::string& form) {
  const Result<Tree> tree = ParseForm(form);
  REQUIRE(tree);
  return CanonicalData(*tree);
}

std::string CanonicalOfJson(const std::string& json) {
  const Result<Tree> tree = ParseJson(json);
  REQUIRE(tree);
  return CanonicalData(*tree);
}

TEST_CASE("event_decoder: a body without a proper event name is no event") {
  for (const std::string& body :
       {std::string(""), std::string("a=1"), std::string("event="),
        std::string("event[]=ONAPPTEST"), std::string("event=ON%FF"), std::string("event=ON APP"),
        std::string("event=ON%00"), std::string("event=%3Cscript%3E"),
        "event=" + std::string(101, 'A')}) {
    CAPTURE(body);
    const Result<Event> event = Decode(body);
    REQUIRE_FALSE(event);
    CHECK(event.error().code == ErrorCode::kInvalidArgument);
    CHECK(event.error().reason == "no_event");
  }
}

TEST_CASE("event_decoder: an unknown event is kept by name and cannot be used") {
  const Result<Event> event = Decode("event=onCrmLead:Add-2.0_x&auth[member_id]=m");

  REQUIRE(event);
  CHECK(event->kind == EventKind::kOther);
  CHECK(event->name == "ONCRMLEAD:ADD-2.0_X");
  CHECK(event->unusable == "unknown_event");
  CHECK(event->auth.member_id.value() == "m");
  CHECK(Decode("event=" + std::string(100, 'A')).has_value());
}

TEST_CASE("event_decoder: auth may be absent or a text") {
  for (const char* body : {"event=ONAPPTEST", "event=ONAPPTEST&auth=x"}) {
    const Result<Event> event = Decode(body);
    REQUIRE(event);
    CHECK(event->unusable == "");
    CHECK(event->auth.member_id.value() == "");
    CHECK(event->auth.application_token.empty());
    CHECK_FALSE(event->ts);
  }
}

TEST_CASE("event_decoder: a member_id with wrong bytes or of wrong length counts as none") {
  for (const std::string& id :
       {std::string("%FF"), std::string("a%00"), std::string("a%0D"), std::string(256, 'x')}) {
    const Result<Event> event = Decode("event=ONAPPTEST&auth[member_id]=" + id);
    REQUIRE(event);
    CHECK(event->auth.member_id.value() == "");
  }
}

TEST_CASE("event_decoder: the scope's separators become commas") {
  const auto scope = [](const std::string& encoded) {
    return Decode("event=ONAPPTEST&auth[scope]=" + encoded)->auth.scope;
  };

  CHECK(scope("imconnector,+imopenlines") == "imconnector,imopenlines");
  CHECK(scope("im%09crm%0Auser") == "im,crm,user");
  CHECK(scope(",,im+,+") == "im");
  CHECK(scope("+,") == "");
}

TEST_CASE("event_decoder: numbers of auth and ts that are none are left out") {
  const Result<Event> event =
      Decode("event=ONAPPTEST&ts=now&auth[expires]=-1&auth[user_id]=99999999999999999999");

  REQUIRE(event);
  CHECK_FALSE(event->ts);
  CHECK_FALSE(event->auth.expires);
  CHECK_FALSE(event->auth.user_id);
}

TEST_CASE("event_decoder: ill-formed UTF-8 in texts becomes U+FFFD") {
  const Result<Event> event = Decode(
      "event=ONIMCONNECTORMESSAGEADD&data[CONNECTOR]=c&data[LINE]=1&auth[domain]=%FF"
      "&data[MESSAGES][0][im][chat_id]=1&data[MESSAGES][0][im][message_id]=2"
      "&data[MESSAGES][0][chat][id]=x&data[MESSAGES][0][message][text]=a%C3%28%F0%9F%98%80"
      "&data[MESSAGES][0][message][files][0][name]=%E2%82");

  REQUIRE(event);
  CHECK(event->unusable == "");
  REQUIRE(event->messages.size() == 1);
  CHECK(event->messages[0].text == "a\xEF\xBF\xBD(\xF0\x9F\x98\x80");
  REQUIRE(event->messages[0].files.size() == 1);
  CHECK(event->messages[0].files[0].name == "\xEF\xBF\xBD");
  CHECK(event->auth.domain == "\xEF\xBF\xBD");
}

TEST_CASE("event_decoder: \"0\" is a text") {
  const Result<Event> event = Decode(
      "event=ONIMCONNECTORMESSAGEADD&data[CONNECTOR]=c&data[LINE]=1"
      "&data[MESSAGES][0][im][chat_id]=1&data[MESSAGES][0][im][message_id]=2"
      "&data[MESSAGES][0][chat][id]=x&data[MESSAGES][0][message][text]=0"
      "&data[MESSAGES][0][message][user_id]=0&data[MESSAGES][0][message][params][CLASS]=y");

  REQUIRE(event);
  REQUIRE(event->messages.size() == 1);
  CHECK(event->messages[0].text == "0");
  CHECK(event->messages[0].user_id == 0);
}

TEST_CASE("canonical data: is the same in every order, format and spelling") {
  const std::string expected = Canonical("event=x&data[a]=1&data[b][c]=2&data[b][d]=3&ts=1");

  CHECK(Canonical("ts=2&data%5Bb%5d[d]=%33&data[b][c]=2&data[a]=1") == expected);
  CHECK(CanonicalOfJson(R"({"data":{"b":{"d":3,"c":"2","e":[]},"a":true}})") == expected);
}

TEST_CASE("canonical data: is another for other data") {
  const std::string one = Canonical("data[a]=1&data[b]=2");

  CHECK(Canonical("data[a]=2&data[b]=1") != one);
  CHECK(Canonical("data[a]=1") != one);
  CHECK(Canonical("data[a]=1&data[b][0]=2") != one);
  CHECK(Canonical("data[a][b]=1") != Canonical("data[a]=1&data[b]="));
  CHECK(Canonical("data[a]=1k1:bt1:2") != one);
  CHECK(Canonical("data=107") != Canonical("data[]=107"));
  CHECK(Canonical("data=107") != Canonical("data=108"));
  CHECK(Canonical("data[]=x&data[]=y") != Canonical("data[]=y&data[]=x"));
}

}  // namespace
}  // namespace imrelay
