#include <doctest/doctest.h>

#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "tests/channel/telegram_bench.h"

namespace imrelay {
namespace {

using Kind = ChannelAnswer::Kind;
using Bot = TelegramBench;
using Strings = std::vector<std::string>;

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

TEST_CASE("telegram: an answer longer than what is read counts by its status") {
  Bot bot;
  bot.http.AnswerLonger(200, R"({"ok":true,"result":{"message_id":5,)");
  bot.http.AnswerLonger(502, "<html>");

  const ChannelAnswer taken = bot.Send(DeliveryOf(kind::kMessageCreated, TextPayload("Hello")));
  const ChannelAnswer away = bot.Send(DeliveryOf(kind::kMessageCreated, TextPayload("Hello")));

  CHECK(taken.kind == Kind::kDone);
  CHECK(taken.external_ids.empty());
  CHECK(away.kind == Kind::kLater);
  for (const HttpRequest& sent : bot.http.sent) CHECK(sent.read_at_most == kLongestAnswer);
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
  CHECK(is_long.attempt.answer == "Bad Request: …");
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

TEST_CASE("telegram: a yes counts only with a status that is one") {
  for (const int status : {100, 302, 400, 404, 500}) {
    CAPTURE(status);
    Bot bot;
    bot.http.Answer(status, R"({"ok":true,"result":{"message_id":1235}})");

    const ChannelAnswer answer = bot.Send(DeliveryOf(kind::kMessageCreated, TextPayload("Hello")));

    CHECK(answer.kind == Kind::kLater);
    CHECK_FALSE(answer.reached);
    CHECK(answer.maybe_done);
    CHECK(answer.external_ids.empty());
  }
}

TEST_CASE("telegram: a number that is none of a message is no id") {
  for (const char* number : {"0", "-5", "9223372036854775808", "\"x\""}) {
    CAPTURE(number);
    Bot bot;
    bot.http.Answer(200, std::string(R"({"ok":true,"result":{"message_id":)") + number + "}}");

    const ChannelAnswer answer = bot.Send(DeliveryOf(kind::kMessageCreated, TextPayload("Hello")));

    CHECK(answer.kind == Kind::kDone);
    CHECK(answer.external_ids.empty());
  }
}

}  // namespace
}  // namespace imrelay
