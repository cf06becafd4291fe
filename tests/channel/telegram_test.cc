#include "channel/telegram.h"

#include <doctest/doctest.h>

#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "codec/json.h"
#include "tests/fakes/fake_async_http_client.h"
#include "tests/fakes/fake_clock.h"

namespace imrelay {
namespace {

using Kind = ChannelAnswer::Kind;

constexpr std::string_view kToken = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw";

// A bot, and what it was told to send.
struct Bot {
  Bot()
      : channel(MakeTelegramChannel({"https://api.telegram.org", Secret(std::string(kToken))}, http,
                                    clock)) {}

  ChannelAnswer Take(std::optional<ChannelAnswer>& given) {
    REQUIRE(given.has_value());
    ChannelAnswer answer = *std::move(given);
    // Whatever happened, the token stays ours.
    CHECK(answer.reason.find(kToken.substr(10)) == std::string::npos);
    CHECK(answer.attempt.answer.find(kToken.substr(10)) == std::string::npos);
    CHECK(answer.attempt.answer.size() <= kMaxKeptAnswer);
    return answer;
  }
  ChannelAnswer Send(const Delivery& delivery) {
    std::optional<ChannelAnswer> given;
    channel->Send(delivery, [&given](ChannelAnswer answer) {
      REQUIRE_FALSE(given.has_value());
      given = std::move(answer);
    });
    return Take(given);
  }
  ChannelAnswer Remove(const Delivery& delivery) {
    std::optional<ChannelAnswer> given;
    channel->SendRemovalAsEdit(delivery, [&given](ChannelAnswer answer) { given = answer; });
    return Take(given);
  }

  // A message that Telegram takes, under this number.
  void Takes(int message_id) {
    http.Answer(200, R"({"ok":true,"result":{"message_id":)" + std::to_string(message_id) +
                         R"(,"date":1773748800,"chat":{"id":42,"type":"private"}}})");
  }
  void Refuses(std::string_view description) {
    http.Answer(400, R"({"ok":false,"error_code":400,"description":"Bad Request: )" +
                         std::string(description) + "\"}");
  }
  // What was sent, as "method {body}".
  std::vector<std::string> Sent() const {
    const std::string base = "https://api.telegram.org/bot" + std::string(kToken) + "/";
    std::vector<std::string> sent;
    for (const HttpRequest& request : http.sent) {
      REQUIRE(request.url.starts_with(base));
      sent.push_back(request.url.substr(base.size()) + ' ' + request.body);
    }
    return sent;
  }

  FakeClock clock;
  FakeAsyncHttpClient http;
  std::unique_ptr<Channel> channel;
};

Delivery DeliveryOf(std::string_view kind, std::string payload = {}) {
  Delivery delivery;
  delivery.kind = kind;
  delivery.external_chat_id = ExternalChatId("42");
  delivery.message_id = MessageId(86501);
  delivery.payload = std::move(payload);
  return delivery;
}

Delivery DeliveryOf(std::string_view kind, const char* id, std::string payload) {
  Delivery delivery = DeliveryOf(kind, std::move(payload));
  delivery.external_message_id = ExternalMessageId(id);
  return delivery;
}

std::string TextPayload(std::string_view text) {
  JsonWriter json;
  json.BeginObject().Key("text").String(text).EndObject();
  return json.Take();
}

std::string FilePayload(std::string_view text, std::string_view type, std::string_view name) {
  JsonWriter json;
  json.BeginObject().Key("text").String(text).Key("files").BeginArray().BeginObject();
  json.Key("name").String(name).Key("type").String(type);
  json.Key("link").String("https://b24.example/~show");
  json.Key("download_link").String("https://b24.example/~get").EndObject().EndArray().EndObject();
  return json.Take();
}

std::vector<std::string> Ids(const ChannelAnswer& answer) {
  std::vector<std::string> ids;
  for (const ExternalMessageId& id : answer.external_ids) ids.push_back(id.value());
  return ids;
}

using Strings = std::vector<std::string>;

TEST_CASE("telegram: a message is sent as plain text and known by its number") {
  Bot bot;
  bot.Takes(1235);

  const ChannelAnswer answer = bot.Send(DeliveryOf(kind::kMessageCreated, TextPayload("Hello")));

  CHECK(answer.kind == Kind::kDone);
  CHECK(answer.reached);
  CHECK(answer.attempt.http_status == 200);
  CHECK(Ids(answer) == Strings{"1235"});
  CHECK(bot.Sent() == Strings{R"(sendMessage {"chat_id":42,"text":"Hello"})"});
}

TEST_CASE("telegram: a chat that has a name instead of a number") {
  Bot bot;
  bot.Takes(1);
  Delivery delivery = DeliveryOf(kind::kMessageCreated, TextPayload("Hello"));
  delivery.external_chat_id = ExternalChatId("@ourchannel");

  bot.Send(delivery);

  CHECK(bot.Sent() == Strings{R"(sendMessage {"chat_id":"@ourchannel","text":"Hello"})"});
}

TEST_CASE("telegram: what every refusal means") {
  std::ifstream answers(IMRELAY_TEST_DATA "/telegram/answers.jsonl");
  int seen = 0;
  for (std::string line; std::getline(answers, line); ++seen) {
    CAPTURE(line);
    const Result<Tree> told = ParseJson(line);
    REQUIRE(told);
    const auto field = [&told](std::string_view key) {
      const std::string* const text = told->FindText(key);
      return text == nullptr ? std::string() : *text;
    };
    constexpr std::string_view kBody = "\"body\":";
    const std::size_t body = line.find(kBody) + kBody.size();
    Bot bot;
    bot.http.Answer(std::stoi(field("status")), line.substr(body, line.size() - body - 1));
    const std::string method = field("method");

    const ChannelAnswer answer =
        method == "sendMessage" ? bot.Send(DeliveryOf(kind::kMessageCreated, TextPayload("Hello")))
        : method == "editMessageText"
            ? bot.Send(DeliveryOf(kind::kMessageUpdated, "1235", TextPayload("Hello")))
            : bot.Send(DeliveryOf(kind::kMessageDeleted, "1235", ""));

    REQUIRE(bot.http.sent.size() == 1);
    CHECK(bot.Sent()[0].starts_with(method + ' '));
    const std::string end = field("end");
    CHECK(answer.kind == (end == "done"      ? Kind::kDone
                          : end == "gone"    ? Kind::kGone
                          : end == "too_old" ? Kind::kTooOld
                          : end == "failed"  ? Kind::kFailed
                                             : Kind::kLater));
    CHECK(answer.reached == (end != "broken"));
    CHECK(answer.reason.empty() == (end == "done"));
    CHECK(answer.reason.find(field("says")) != std::string::npos);
    CHECK(answer.attempt.answer.empty() == (end == "done"));
    CHECK(answer.attempt.http_status == std::stoi(field("status")));
    if (!field("maybe").empty()) CHECK(answer.maybe_done);
    if (end != "later") CHECK_FALSE(answer.maybe_done);
    REQUIRE(answer.retry_after.has_value() == !field("retry_after").empty());
    if (answer.retry_after) {
      CHECK(*answer.retry_after == std::chrono::seconds(std::stoi(field("retry_after"))));
    }
  }
  CHECK(seen == 22);
}

TEST_CASE("telegram: no answer comes again, and may have been done once it was sent") {
  struct Row {
    const char* reason;
    bool maybe_done;
  };
  for (const Row& row :
       {Row{"no_reply", true}, Row{"cut", true}, Row{"certificate", false}, Row{"", false}}) {
    CAPTURE(row.reason);
    Bot bot;
    bot.http.FailWith("api.telegram.org: away", row.reason);

    const ChannelAnswer answer = bot.Send(DeliveryOf(kind::kMessageCreated, TextPayload("Hello")));

    CHECK(answer.kind == Kind::kLater);
    CHECK_FALSE(answer.reached);
    CHECK(answer.maybe_done == row.maybe_done);
    CHECK(answer.attempt.http_status == 0);
    CHECK(answer.reason == "api.telegram.org: away");
  }
}

TEST_CASE("telegram: an answer of somebody else counts as none") {
  for (const char* body : {"<html>welcome to our wifi</html>", "", "[]", R"({"result":1})",
                           R"({"ok":{"a":1}})", R"({"ok":true,"resu)"}) {
    CAPTURE(body);
    Bot bot;
    bot.http.Answer(200, body);

    const ChannelAnswer answer = bot.Send(DeliveryOf(kind::kMessageCreated, TextPayload("Hello")));

    CHECK(answer.kind == Kind::kLater);
    CHECK_FALSE(answer.reached);
    CHECK(answer.maybe_done);
    CHECK(answer.attempt.answer.find("wifi") == std::string::npos);
  }
}

TEST_CASE("telegram: neither the text nor anything unprintable is kept of an answer") {
  Bot bot;
  bot.Refuses("can't parse: my secret plan");
  bot.Refuses(std::string(300, 'x') + "\\u0001\\n");

  const Delivery delivery = DeliveryOf(kind::kMessageCreated, TextPayload("my secret plan"));
  const ChannelAnswer repeats = bot.Send(delivery);
  const ChannelAnswer is_long = bot.Send(delivery);

  CHECK(repeats.kind == Kind::kFailed);
  CHECK((repeats.attempt.answer + repeats.reason).find("secret plan") == std::string::npos);
  CHECK_FALSE(repeats.reason.empty());
  CHECK(is_long.attempt.answer.size() == kMaxKeptAnswer);
  CHECK(is_long.attempt.answer.starts_with("Bad Request: xxx"));
}

TEST_CASE("telegram: a pause is never believed to be longer than a day") {
  Bot bot;
  bot.http.Answer(429, R"({"ok":false,"error_code":429,"description":"Too Many Requests",)"
                       R"("parameters":{"retry_after":99999999999}})");

  const ChannelAnswer answer = bot.Send(DeliveryOf(kind::kMessageCreated, TextPayload("Hello")));

  CHECK(answer.kind == Kind::kLater);
  REQUIRE(answer.retry_after);
  CHECK(*answer.retry_after == std::chrono::hours(24));
}

TEST_CASE("telegram: a long text goes in pieces, each with an id of its own") {
  Bot bot;
  for (int number : {7, 8, 9}) bot.Takes(number);
  const std::string text = std::string(4000, 'a') + "\n" + std::string(4096, 'b') + "tail";

  const ChannelAnswer answer = bot.Send(DeliveryOf(kind::kMessageCreated, TextPayload(text)));

  CHECK(answer.kind == Kind::kDone);
  CHECK(Ids(answer) == Strings{"7.1/3", "8.2/3", "9.3/3"});
  REQUIRE(bot.http.sent.size() == 3);
  CHECK(bot.http.sent[0].body == R"({"chat_id":42,"text":")" + std::string(4000, 'a') + "\"}");
  CHECK(bot.http.sent[1].body == R"({"chat_id":42,"text":")" + std::string(4096, 'b') + "\"}");
  CHECK(bot.http.sent[2].body == R"({"chat_id":42,"text":"tail"})");
}

TEST_CASE("telegram: what a failure leaves of a message follows with the next attempt") {
  Bot bot;
  bot.Takes(7);
  bot.http.Answer(429, R"({"ok":false,"error_code":429,"description":"Too Many Requests",)"
                       R"("parameters":{"retry_after":5}})");
  Delivery delivery =
      DeliveryOf(kind::kMessageCreated, TextPayload(std::string(4096, 'a') + "tail"));

  const ChannelAnswer first = bot.Send(delivery);
  CHECK(first.kind == Kind::kLater);
  CHECK(Ids(first) == Strings{"7.1/2"});

  delivery.made = first.external_ids;
  bot.Takes(8);
  const ChannelAnswer second = bot.Send(delivery);
  CHECK(second.kind == Kind::kDone);
  CHECK(Ids(second) == Strings{"7.1/2", "8.2/2"});
  CHECK(bot.http.sent.back().body == R"({"chat_id":42,"text":"tail"})");

  delivery.made = second.external_ids;
  const ChannelAnswer third = bot.Send(delivery);
  CHECK(third.kind == Kind::kDone);
  CHECK(Ids(third) == Strings{"7.1/2", "8.2/2"});
  CHECK(bot.http.sent.size() == 3);
}

TEST_CASE("telegram: sending stops in time, before the lease ends") {
  Bot bot;
  for (int number = 1; number <= 20; ++number) bot.Takes(number);
  bot.http.on_send = [&bot] { bot.clock.Advance(std::chrono::seconds(9)); };

  const ChannelAnswer answer =
      bot.Send(DeliveryOf(kind::kMessageCreated, TextPayload(std::string(20 * 4096, 'a'))));

  CHECK(answer.kind == Kind::kLater);
  CHECK(answer.reached);
  CHECK_FALSE(answer.maybe_done);
  CHECK(answer.external_ids.size() == 5);
  CHECK(answer.attempt.took == std::chrono::seconds(45));
  // The last one was begun at 36 s, and would have been cut at 44.
  CHECK(bot.http.sent.back().timeout == std::chrono::seconds(8));
}

TEST_CASE("telegram: an image is a photo with the text as its caption") {
  Bot bot;
  bot.Takes(5);

  const ChannelAnswer answer =
      bot.Send(DeliveryOf(kind::kMessageCreated, FilePayload("Look", "image", "cat.jpg")));

  CHECK(Ids(answer) == Strings{"5"});
  CHECK(bot.Sent() ==
        Strings{R"(sendPhoto {"chat_id":42,"photo":"https://b24.example/~get","caption":"Look"})"});
}

TEST_CASE("telegram: a text that is too long for a caption stands before the file") {
  Bot bot;
  bot.Takes(5);
  bot.Takes(6);
  const std::string text(kMaxKeptAnswer * 6, 'a');

  const ChannelAnswer answer =
      bot.Send(DeliveryOf(kind::kMessageCreated, FilePayload(text, "file", "a.pdf")));

  CHECK(Ids(answer) == Strings{"5", "6.f"});
  REQUIRE(bot.Sent().size() == 2);
  CHECK(bot.Sent()[0].starts_with("sendMessage "));
  CHECK(bot.Sent()[1] == R"(sendDocument {"chat_id":42,"document":"https://b24.example/~get"})");
}

TEST_CASE("telegram: a file that Telegram does not take goes as a link") {
  Bot bot;
  bot.Refuses("wrong type of the web page content");
  bot.Refuses("failed to get HTTP URL content");
  bot.Takes(5);
  bot.Takes(6);

  const ChannelAnswer answer =
      bot.Send(DeliveryOf(kind::kMessageCreated, FilePayload("Look", "image", "cat.jpg")));

  CHECK(answer.kind == Kind::kDone);
  CHECK(Ids(answer) == Strings{"5.t", "6.f"});
  REQUIRE(bot.Sent().size() == 4);
  CHECK(bot.Sent()[1] ==
        R"(sendDocument {"chat_id":42,"document":"https://b24.example/~get","caption":"Look"})");
  CHECK(bot.Sent()[2] == R"(sendMessage {"chat_id":42,"text":"Look"})");
  CHECK(bot.Sent()[3] ==
        R"(sendMessage {"chat_id":42,"text":"cat.jpg: https://b24.example/~get"})");
}

TEST_CASE("telegram: the link follows when only its text was sent") {
  Bot bot;
  bot.Takes(6);
  Delivery delivery = DeliveryOf(kind::kMessageCreated, FilePayload("Look", "file", "a.docx"));
  delivery.made = {ExternalMessageId("5.t")};

  const ChannelAnswer answer = bot.Send(delivery);

  CHECK(Ids(answer) == Strings{"5.t", "6.f"});
  CHECK(bot.Sent() ==
        Strings{R"(sendMessage {"chat_id":42,"text":"a.docx: https://b24.example/~get"})"});
}

TEST_CASE("telegram: a chat that is refused is not asked for a file again and again") {
  Bot bot;
  bot.http.Answer(403,
                  R"({"ok":false,"error_code":403,"description":"Forbidden: bot was blocked by)"
                  R"( the user"})");

  const ChannelAnswer answer =
      bot.Send(DeliveryOf(kind::kMessageCreated, FilePayload("", "image", "cat.jpg")));

  CHECK(answer.kind == Kind::kFailed);
  CHECK(bot.http.sent.size() == 1);
}

TEST_CASE("telegram: nothing to send, and nothing that can be read, fail without a call") {
  Bot bot;
  for (const char* payload : {"{}", R"({"text":" \n"})", "", "[", R"({"text":{"a":"b"}})"}) {
    CAPTURE(payload);
    const ChannelAnswer answer = bot.Send(DeliveryOf(kind::kMessageCreated, payload));
    CHECK(answer.kind == Kind::kFailed);
    CHECK_FALSE(answer.reason.empty());
  }
  CHECK(bot.http.sent.empty());
}

TEST_CASE("telegram: an edit finds its piece of the text") {
  struct Row {
    const char* id;
    std::string text;
    std::string sent;  // the text; "" where nothing is sent
    Kind kind;
  };
  const std::string full(4096, 'a');
  for (const Row& row :
       {Row{"5", "New", "New", Kind::kDone}, Row{"5.t", "New", "New", Kind::kDone},
        Row{"5.2/3", full + full + "z", full, Kind::kDone},
        Row{"5.3/3", full + full + "z", "z", Kind::kDone},
        Row{"5.3/3", "short now", "…", Kind::kDone}, Row{"5.f", "New", "", Kind::kDone},
        // What would be lost is refused.
        Row{"5", full + "b", "", Kind::kFailed}, Row{"5.2/2", full + full + "b", "", Kind::kFailed},
        Row{"5.l", "New", "", Kind::kFailed}}) {
    CAPTURE(row.id);
    Bot bot;
    bot.Takes(5);

    const ChannelAnswer answer =
        bot.Send(DeliveryOf(kind::kMessageUpdated, row.id, TextPayload(row.text)));

    CHECK(answer.kind == row.kind);
    if (row.sent.empty()) {
      CHECK(bot.http.sent.empty());
    } else {
      CHECK(bot.Sent() ==
            Strings{R"(editMessageText {"chat_id":42,"message_id":5,"text":")" + row.sent + "\"}"});
    }
  }
}

TEST_CASE("telegram: an edit of a file is one of its caption") {
  Bot bot;
  bot.Refuses("there is no text in the message to edit");
  bot.Takes(5);
  bot.Takes(5);

  CHECK(bot.Send(DeliveryOf(kind::kMessageUpdated, "5", TextPayload("New"))).kind == Kind::kDone);
  CHECK(bot.Send(DeliveryOf(kind::kMessageUpdated, "5", TextPayload(""))).kind == Kind::kDone);

  REQUIRE(bot.Sent().size() == 3);
  CHECK(bot.Sent()[1] == R"(editMessageCaption {"chat_id":42,"message_id":5,"caption":"New"})");
  CHECK(bot.Sent()[2] == R"(editMessageCaption {"chat_id":42,"message_id":5,"caption":""})");
}

TEST_CASE("telegram: a deletion takes the number of any id") {
  for (const char* id : {"5", "5.2/3", "5.f", "5.t", "5.l"}) {
    CAPTURE(id);
    Bot bot;
    bot.http.Answer(200, R"({"ok":true,"result":true})");

    const ChannelAnswer answer = bot.Send(DeliveryOf(kind::kMessageDeleted, id, ""));

    CHECK(answer.kind == Kind::kDone);
    CHECK(bot.Sent() == Strings{R"(deleteMessage {"chat_id":42,"message_id":5})"});
  }
  CHECK(Bot().channel->delete_limit() == std::chrono::hours(48));
}

TEST_CASE("telegram: an id that is none of Telegram's fails without a call") {
  Bot bot;
  for (const char* id : {"ext-1", "0", "-5", "5x", "5.", "5.x", "5.2", "5.3/2", "5.0/2", "5.1/2/3",
                         "99999999999999999999", " 5", ""}) {
    CAPTURE(id);
    CHECK(bot.Send(DeliveryOf(kind::kMessageDeleted, id, "")).kind == Kind::kFailed);
    CHECK(bot.Send(DeliveryOf(kind::kMessageUpdated, id, TextPayload("x"))).kind == Kind::kFailed);
    CHECK(bot.Remove(DeliveryOf(kind::kMessageDeleted, id, "")).kind == Kind::kFailed);
  }
  CHECK(bot.Send(DeliveryOf(kind::kMessageDeleted)).kind == Kind::kFailed);
  CHECK(bot.http.sent.empty());
}

TEST_CASE("telegram: a removal as an edit takes the text away, which is not all of a file") {
  Bot bot;
  bot.Takes(5);
  bot.Refuses("there is no text in the message to edit");
  bot.Takes(5);
  bot.Refuses("message to edit not found");
  bot.Refuses("message can't be edited");
  const Delivery deletion = DeliveryOf(kind::kMessageDeleted, "5", "");

  CHECK(bot.Remove(deletion).kind == Kind::kDone);
  CHECK(bot.Remove(deletion).kind == Kind::kUnsupported);  // a file
  CHECK(bot.Remove(deletion).kind == Kind::kGone);
  CHECK(bot.Remove(deletion).kind == Kind::kFailed);

  CHECK(bot.Sent()[0] ==
        R"(editMessageText {"chat_id":42,"message_id":5,"text":"Message removed"})");
}

TEST_CASE("telegram: what means nothing there is done without a call") {
  Bot bot;
  for (const std::string_view kind :
       {kind::kDialogStarted, kind::kDialogFinished, kind::kLineDisconnected, kind::kLineDeleted,
        kind::kPortalInstalled, kind::kPortalUninstalled}) {
    CHECK(bot.Send(DeliveryOf(kind)).kind == Kind::kDone);
  }
  CHECK(bot.http.sent.empty());
}

}  // namespace
}  // namespace imrelay
