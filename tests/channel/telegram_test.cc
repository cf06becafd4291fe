#include "channel/telegram.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/channel/telegram_bench.h"

namespace imrelay {
namespace {

using Kind = ChannelAnswer::Kind;
using Bot = TelegramBench;
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

TEST_CASE("telegram: BBCode becomes plain text, with the operator's name before it") {
  Bot bot;
  bot.Takes(1);
  bot.Takes(1);
  const std::string text = "[b]Anna:[/b] [br]Your [i]order[/i][br]is ready";

  bot.Send(DeliveryOf(kind::kMessageCreated, TextPayload(text)));
  // The same name stands differently in an edit.
  bot.Send(DeliveryOf(kind::kMessageUpdated, "1", TextPayload("[b]Anna:[/b][br] Done")));

  CHECK(bot.Sent() ==
        Strings{R"(sendMessage {"chat_id":42,"text":"Anna:\nYour order\nis ready"})",
                R"(editMessageText {"chat_id":42,"message_id":1,"text":"Anna:\nDone"})"});
}

TEST_CASE("telegram: a chat that has a name instead of a number") {
  Bot bot;
  bot.Takes(1);
  Delivery delivery = DeliveryOf(kind::kMessageCreated, TextPayload("Hello"));
  delivery.external_chat_id = ExternalChatId("@ourchannel");

  bot.Send(delivery);

  CHECK(bot.Sent() == Strings{R"(sendMessage {"chat_id":"@ourchannel","text":"Hello"})"});
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

}  // namespace
}  // namespace imrelay
