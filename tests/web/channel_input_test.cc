#include "web/channel_input.h"

#include <doctest/doctest.h>

#include "codec/json.h"
#include "domain/delivery.h"

namespace imrelay {
namespace {

const TimePoint kNow = FromUnixSeconds(1'773'760'577);

Result<ChannelMessage> Read(std::string_view kind, const std::string& json) {
  const Result<Tree> tree = ParseJson(json);
  REQUIRE(tree.has_value());
  return ReadMessage(kind, *tree, kNow);
}
std::string Payload(std::string_view kind, const std::string& json) {
  const Result<ChannelMessage> read = Read(kind, json);
  if (!read) FAIL(read.error().message);
  return read->payload;
}
std::string Refusal(std::string_view kind, const std::string& json) {
  const Result<ChannelMessage> read = Read(kind, json);
  if (read) return "taken";
  CHECK(read.error().code == ErrorCode::kInvalidArgument);
  CHECK(read.error().reason == "invalid_field");
  return read.error().message;
}

TEST_CASE("channel input: a message is rewritten from its known fields") {
  CHECK(
      Payload(
          kind::kIncomingCreated,
          R"({"line":1,"chat":{"id":"c 1","name":"Chat","url":"https://c.example","x":1},)"
          R"("user":{"id":5,"name":"Ann","last_name":"Li","picture":{"url":"https://p.example/a.png"},)"
          R"("url":"","email":"a@b.example","phone":"+1","skip_phone_validate":"Y","gender":"f"},)"
          R"("message":{"id":"m|1","date":1700000000,"text":"line\nline","user_id":7,)"
          R"("files":[{"url":"https://f.example/1","name":"a.pdf"},{"url":"http://f.example/2"}]},"extra":{}})") ==
      R"({"user":{"id":"5","name":"Ann","last_name":"Li","email":"a@b.example","phone":"+1",)"
      R"("picture":{"url":"https://p.example/a.png"}},)"
      R"("message":{"id":"m|1","date":1700000000,"text":"line\nline",)"
      R"("files":[{"url":"https://f.example/1","name":"a.pdf"},{"url":"http://f.example/2"}]},)"
      R"("chat":{"id":"c 1","name":"Chat","url":"https://c.example"}})");
}

TEST_CASE("channel input: a message without a date is of now") {
  CHECK(
      Payload(kind::kIncomingCreated,
              R"({"chat":{"id":"c"},"user":{"id":"u"},"message":{"id":"m","text":"x"}})") ==
      R"({"user":{"id":"u"},"message":{"id":"m","date":1773760577,"text":"x"},"chat":{"id":"c"}})");
}

TEST_CASE("channel input: edits and deletions name the user, or the chat in its place") {
  CHECK(
      Payload(kind::kIncomingUpdated,
              R"({"chat":{"id":"c","name":"no"},"message":{"id":"m","text":"x","files":[{}]}})") ==
      R"({"user":{"id":"c"},"message":{"id":"m","text":"x"},"chat":{"id":"c"}})");
  CHECK(
      Payload(
          kind::kIncomingDeleted,
          R"({"chat":{"id":"c"},"user":{"id":"u","name":"no"},"message":{"id":"m","text":"no"}})") ==
      R"({"user":{"id":"u"},"message":{"id":"m"},"chat":{"id":"c"}})");
}

TEST_CASE("channel input: what is wrong is named") {
  struct Case {
    const char* json;
    const char* refusal;
  };
  const std::string hundred(100, 'x');
  const Case cases[] = {
      {R"({})", "chat.id must be given"},
      {R"({"chat":"c"})", "chat must be an object"},
      {R"({"chat":["c"]})", "chat must be an object"},
      {R"({"chat":{"id":{"a":1}}})", "chat.id must be a text"},
      {R"({"chat":{"id":""}})", "chat.id must be given"},
      {R"({"chat":{"id":"0"}})", "chat.id must be 1 to 100 bytes, not \"0\", without |"},
      {R"({"chat":{"id":0}})", "chat.id must be 1 to 100 bytes"},
      {R"({"chat":{"id":"a|b"}})", "chat.id must be 1 to 100 bytes"},
      {R"({"chat":{"id":" a"}})", "chat.id must be 1 to 100 bytes"},
      {R"({"chat":{"id":"a "}})", "chat.id must be 1 to 100 bytes"},
      {R"({"chat":{"id":"a\nb"}})", "chat.id must be 1 to 100 bytes"},
      {"{\"chat\":{\"id\":\"\xC3\"}}", "chat.id must be 1 to 100 bytes"},
      {R"({"chat":{"id":"c"}})", "message.id must be given"},
      {R"({"chat":{"id":"c"},"message":"m"})", "message must be an object"},
      {R"({"chat":{"id":"c"},"message":{"id":"0"}})", "message.id must be 1 to 100 bytes"},
      {R"({"chat":{"id":"c"},"message":{"id":"m"}})", "user.id must be given"},
      {R"({"chat":{"id":"c"},"user":"u","message":{"id":"m"}})", "user must be an object"},
      {R"({"chat":{"id":"c"},"user":{"id":"u"},"message":{"id":"m"}})",
       "message must be one with a text or files"},
      {R"({"chat":{"id":"c"},"user":{"id":"u"},"message":{"id":"m","text":["x"]}})",
       "message.text must be a text"},
      {R"({"chat":{"id":"c"},"user":{"id":"u"},"message":{"id":"m","text":"\u0000"}})",
       "message.text must be at most 65536"},
      {R"({"chat":{"id":"c"},"user":{"id":"u"},"message":{"id":"m","text":"x","date":"today"}})",
       "message.date must be a Unix time"},
      {R"({"chat":{"id":"c"},"user":{"id":"u"},"message":{"id":"m","text":"x","date":1700000000000}})",
       "message.date must be a Unix time"},
      {R"({"chat":{"id":"c"},"user":{"id":"u"},"message":{"id":"m","files":"x"}})",
       "message.files must be a list"},
      {R"({"chat":{"id":"c"},"user":{"id":"u"},"message":{"id":"m","files":["x"]}})",
       "message.files[0] must be an object"},
      {R"({"chat":{"id":"c"},"user":{"id":"u"},"message":{"id":"m","files":[{"name":"x"}]}})",
       "message.files[0].url must be given"},
      {R"({"chat":{"id":"c"},"user":{"id":"u"},"message":{"id":"m","files":[{"url":"ftp://x"}]}})",
       "message.files[0].url must be an http:// or"},
      {R"({"chat":{"id":"c","url":"javascript:x"},"user":{"id":"u"},"message":{"id":"m","text":"x"}})",
       "chat.url must be an http:// or"},
      {R"({"chat":{"id":"c"},"user":{"id":"u","picture":"x"},"message":{"id":"m","text":"x"}})",
       "user.picture must be an object"},
      {R"({"chat":{"id":"c"},"user":{"id":"u","name":"a\tb"},"message":{"id":"m","text":"x"}})",
       "user.name must be at most 255 bytes"},
  };
  for (const Case& one : cases) {
    CAPTURE(std::string(one.json));
    CHECK(Refusal(kind::kIncomingCreated, one.json)
              .starts_with("the field " + std::string(one.refusal)));
  }
  const auto with = [](const std::string& id, const std::string& text) {
    return R"({"chat":{"id":")" + id + R"("},"user":{"id":"u"},"message":{"id":"m","text":")" +
           text + R"("}})";
  };
  CHECK(Refusal(kind::kIncomingCreated, with(hundred, "x")) == "taken");
  CHECK(Refusal(kind::kIncomingCreated, with(hundred + 'x', "x")) != "taken");
  CHECK(Refusal(kind::kIncomingCreated, with("c", std::string(65536, 'x'))) == "taken");
  CHECK(Refusal(kind::kIncomingCreated, with("c", std::string(65537, 'x'))) != "taken");
  CHECK(Refusal(kind::kIncomingUpdated, R"({"chat":{"id":"c"},"message":{"id":"m"}})") ==
        "the field message.text must be given");
}

TEST_CASE("channel input: at most twenty files") {
  const auto with = [](int files) {
    std::string list;
    for (int i = 0; i < files; ++i) {
      list += std::string(i == 0 ? "" : ",") + R"({"url":"https://f.example/1"})";
    }
    return R"({"chat":{"id":"c"},"user":{"id":"u"},"message":{"id":"m","files":[)" + list + "]}}";
  };

  CHECK(Refusal(kind::kIncomingCreated, with(20)) == "taken");
  CHECK(Refusal(kind::kIncomingCreated, with(21)) ==
        "the field message.files must be a list of at most 20 objects");
}

TEST_CASE("channel input: the ids of a message are a list, each once") {
  const auto read = [](const std::string& json) {
    const Result<Tree> tree = ParseJson(json);
    REQUIRE(tree.has_value());
    return ReadMessageIds(*tree);
  };

  const Result<MessageIds> ids =
      read(R"({"im":{"message_id":"86501"},"message":{"ids":["a",2,"a"]}})");
  REQUIRE(ids.has_value());
  CHECK(ids->message == MessageId(86501));
  CHECK(ids->ids == std::vector{ExternalMessageId("a"), ExternalMessageId("2")});
  for (const char* wrong :
       {R"({"im":{"message_id":1}})", R"({"im":{"message_id":1},"message":{"ids":"a"}})",
        R"({"im":{"message_id":1},"message":{"ids":[]}})",
        R"({"im":{"message_id":1},"message":{"ids":["0"]}})",
        R"({"im":{"message_id":1},"message":{"ids":[["a"]]}})",
        R"({"im":{"message_id":1},"message":{"ids":{"x":"a"}}})",
        R"({"im":{"message_id":0},"message":{"ids":["a"]}})",
        R"({"im":{"message_id":1.5},"message":{"ids":["a"]}})",
        R"({"im":1,"message":{"ids":["a"]}})", R"({"message":{"ids":["a"]}})"}) {
    CAPTURE(std::string(wrong));
    const Result<MessageIds> refused = read(wrong);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().reason == "invalid_field");
  }
}

TEST_CASE("channel input: a place is named in part or whole") {
  const auto read = [](const std::string& json) {
    const Result<Tree> tree = ParseJson(json);
    REQUIRE(tree.has_value());
    return ReadPlace(*tree);
  };

  CHECK_FALSE(read("{}")->portal.has_value());
  const Result<NamedPlace> place = read(R"({"portal":"BAC1","connector":"Conn","line":"107"})");
  CHECK(place->portal == MemberId("bac1"));
  CHECK(place->connector == ConnectorId("conn"));
  CHECK(place->line == LineId(107));
  for (const char* wrong :
       {R"({"line":0})", R"({"line":"x"})", R"({"line":[1]})", R"({"line":1e3})",
        R"({"portal":{"a":1}})", R"({"portal":""})", R"({"connector":"a\u0001"})"}) {
    CAPTURE(std::string(wrong));
    CHECK_FALSE(read(wrong).has_value());
  }
}

}  // namespace
}  // namespace imrelay
