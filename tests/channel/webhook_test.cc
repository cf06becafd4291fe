#include "channel/webhook.h"

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "channel/signature.h"
#include "tests/channel/webhook_bench.h"

namespace imrelay {
namespace {

using Kind = ChannelAnswer::Kind;

constexpr const char* kSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
constexpr const char* kFormer = "whsec_a2tra2tra2tra2tra2tra2tra2tra2tr";

std::vector<std::string> IdsOf(const ChannelAnswer& answer) {
  std::vector<std::string> ids;
  for (const ExternalMessageId& id : answer.external_ids) ids.push_back(id.value());
  return ids;
}

TEST_CASE("webhook: posts JSON, signed with the secret and the one before") {
  WebhookBench bench({kSecret, kFormer});

  const ChannelAnswer answer = bench.Send(MessageDelivery(kind::kMessageDeleted));

  CHECK(answer.kind == Kind::kDone);
  CHECK(answer.reason == "");
  CHECK(answer.reached);
  CHECK(answer.attempt.http_status == 200);
  CHECK(answer.attempt.begun_at == bench.clock.Now());
  const httplib::Request seen = bench.Last();
  CHECK(seen.get_header_value("Content-Type") == "application/json");
  CHECK(seen.get_header_value("webhook-id") == "b91c-7");
  CHECK(seen.get_header_value("webhook-timestamp") == "1773748800");
  CHECK(seen.get_header_value("webhook-signature") ==
        WebhookSignature({Secret(kSecret), Secret(kFormer)}, "b91c-7", 1773748800, seen.body)
            .value());
}

TEST_CASE("webhook: without a secret nothing is signed; with a wrong one nothing is sent") {
  WebhookBench open;
  CHECK(open.Send(MessageDelivery(kind::kMessageDeleted)).kind == Kind::kDone);
  CHECK_FALSE(open.Last().has_header("webhook-signature"));

  WebhookBench wrong({"whsec_short"});
  const ChannelAnswer answer = wrong.Send(MessageDelivery(kind::kMessageDeleted));
  CHECK(answer.kind == Kind::kLater);
  CHECK_FALSE(answer.maybe_done);
  CHECK_FALSE(answer.reached);
  CHECK(wrong.seen.empty());
}

struct Judged {
  int status;
  std::string body;
  Kind kind;
  bool maybe_done = false;
  bool reached = true;
};

void CheckJudged(std::string_view kind, const std::vector<Judged>& table) {
  WebhookBench bench;
  for (const Judged& one : table) {
    CAPTURE(one.status);
    CAPTURE(one.body);
    bench.Answers(one.status, one.body);
    const ChannelAnswer answer = bench.Send(MessageDelivery(kind, R"({"text":"hello"})"));
    CHECK(answer.kind == one.kind);
    CHECK(answer.maybe_done == one.maybe_done);
    CHECK(answer.reached == one.reached);
    CHECK(answer.attempt.http_status == one.status);
    CHECK(answer.reason.empty() == (one.kind == Kind::kDone));
    CHECK(answer.external_ids.empty());
    CHECK_FALSE(answer.retry_after.has_value());
  }
}

const std::string kTooOld = R"({"outcome":"too_old"})";
const std::string kUnsupported = R"({"outcome":"unsupported"})";

TEST_CASE("webhook: answers to a deletion") {
  CheckJudged(kind::kMessageDeleted, {
                                         {200, "", Kind::kDone},
                                         {204, "", Kind::kDone},
                                         {202, "", Kind::kDone},
                                         {404, "", Kind::kGone},
                                         {422, kTooOld, Kind::kTooOld},
                                         {422, kUnsupported, Kind::kUnsupported},
                                         {422, R"({"outcome":"done"})", Kind::kFailed},
                                         {422, "too_old", Kind::kFailed},
                                         {410, "", Kind::kOff},
                                         {400, "", Kind::kFailed},
                                         {401, "", Kind::kFailed},
                                         {403, "", Kind::kFailed},
                                         {499, "", Kind::kFailed},
                                         {429, "", Kind::kLater},
                                         {500, "", Kind::kLater, true},
                                         {502, "", Kind::kLater, true},
                                         {503, "", Kind::kLater},
                                         {301, "", Kind::kLater, true, false},
                                         {307, "", Kind::kLater, true, false},
                                     });
}

TEST_CASE("webhook: end states of deletions are no answers to anything else") {
  for (const std::string_view kind : {kind::kMessageCreated, kind::kMessageUpdated}) {
    CheckJudged(kind, {
                          {200, "", Kind::kDone},
                          {404, "", Kind::kFailed},
                          {422, kTooOld, Kind::kFailed},
                          {422, kUnsupported, Kind::kFailed},
                          {410, "", Kind::kOff},
                          {500, "", Kind::kLater, true},
                      });
  }
}

TEST_CASE("webhook: a redirect is told and not followed") {
  WebhookBench bench;
  bench.Answers(307, "", {{"Location", bench.http.Url() + "/hook"}});

  const ChannelAnswer answer = bench.Send(MessageDelivery(kind::kMessageDeleted));

  CHECK(answer.reason == "the channel answers with a redirect (307), which is not followed");
  CHECK(bench.seen.size() == 1);
}

TEST_CASE("webhook: Retry-After counts with 429 and 503") {
  WebhookBench bench;
  for (const int status : {429, 503}) {
    bench.Answers(status, "", {{"Retry-After", "120"}});
    CHECK(bench.Send(MessageDelivery(kind::kMessageDeleted)).retry_after ==
          std::chrono::milliseconds(120'000));
    bench.Answers(status, "", {{"Retry-After", "Tue, 17 Mar 2026 12:01:00 GMT"}});
    CHECK(bench.Send(MessageDelivery(kind::kMessageDeleted)).retry_after ==
          std::chrono::milliseconds(60'000));
  }
  bench.Answers(500, "", {{"Retry-After", "120"}});
  CHECK(bench.Send(MessageDelivery(kind::kMessageDeleted)).retry_after == std::nullopt);
}

TEST_CASE("webhook: a new message's answer names its ids, or says that they follow") {
  WebhookBench bench;
  const Delivery created = MessageDelivery(kind::kMessageCreated, R"({"text":"hello"})");
  struct Ids {
    int status;
    std::string body;
    std::vector<std::string> ids;
    bool follow = false;
  };
  for (const Ids& one : std::vector<Ids>{
           {200, R"({"message":{"ids":["a","b"]}})", {"a", "b"}},
           {201, R"({"message":{"ids":[17,"a","a"]}})", {"17", "a"}},
           {200, R"({"message":{"ids":[]}})", {}},
           {200, R"({"message":{"ids":"a"}})", {}},
           {200, R"({"message":"a"})", {}},
           {200, "", {}},
           {200, "<html>ok</html>", {}},
           {202, "", {}, true},
           {202, R"({"message":{"ids":["a"]}})", {"a"}},
       }) {
    CAPTURE(one.body);
    bench.Answers(one.status, one.body, {{"Content-Type", "text/html"}});
    const ChannelAnswer answer = bench.Send(created);
    CHECK(answer.kind == Kind::kDone);
    CHECK(IdsOf(answer) == one.ids);
    CHECK(answer.ids_follow == one.follow);
    CHECK(answer.attempt.answer == "");
  }
}

TEST_CASE("webhook: ids that Bitrix24 would not keep are not taken, and that is told") {
  WebhookBench bench;
  const std::string longest(100, 'x');
  bench.Answers(200,
                "{\"message\":{\"ids\":[\"a\xFF\","
                R"("0",""," a","a ","a\nb",{"id":"a"},")" +
                    longest + R"(","y)" + longest + R"("]}})");

  const ChannelAnswer answer =
      bench.Send(MessageDelivery(kind::kMessageCreated, R"({"text":"hello"})"));

  CHECK(answer.kind == Kind::kDone);
  CHECK(IdsOf(answer) == std::vector<std::string>{longest});
  CHECK(answer.attempt.answer == "ids that cannot be kept (20 at most, of 1 to 100 bytes each): 8");
}

TEST_CASE("webhook: at most twenty ids are taken") {
  WebhookBench bench;
  std::string list = "\"0a\"";
  for (int i = 1; i < 25; ++i) list += ",\"" + std::to_string(i) + "a\"";
  bench.Answers(200, R"({"message":{"ids":[)" + list + "]}}");

  const ChannelAnswer answer =
      bench.Send(MessageDelivery(kind::kMessageCreated, R"({"text":"hello"})"));

  CHECK(answer.external_ids.size() == 20);
  CHECK_FALSE(answer.attempt.answer.empty());
}

TEST_CASE("webhook: an answer beyond 64 KiB is a success that names no ids") {
  WebhookBench bench;
  bench.Answers(200, R"({"message":{"ids":["a"]},"x":")" + std::string(70'000, 'x') + "\"}");

  const ChannelAnswer answer =
      bench.Send(MessageDelivery(kind::kMessageCreated, R"({"text":"hello"})"));

  CHECK(answer.kind == Kind::kDone);
  CHECK(answer.external_ids.empty());
  CHECK(answer.attempt.answer == "an answer longer than 64 KiB is not read");
  // Nor is it called again for that, or kept with what it may repeat of the message.
  bench.Answers(200, std::string(kMaxAnswerBytes + 1, 'x'));
  CHECK(bench.Send(MessageDelivery(kind::kMessageCreated)).kind == Kind::kDone);
  bench.Answers(400, "hello" + std::string(70'000, 'x'));
  const ChannelAnswer refused = bench.Send(MessageDelivery(kind::kMessageUpdated));
  CHECK(refused.kind == Kind::kFailed);
  CHECK(refused.attempt.answer == "");
}

TEST_CASE("webhook: the ledger's answer repeats no text of the message, plain or BBCode") {
  WebhookBench bench;
  const Delivery created = MessageDelivery(
      kind::kMessageCreated, R"({"text":"[b]your balance is[/b] 12 dollars and 50 cents"})");
  for (const char* echo : {"bad text: your balance is 12 dollars and 50 cents",
                           R"({"e":"[b]your balance is[/b] 12 dollars and"})"}) {
    bench.Answers(400, echo);
    CHECK(bench.Send(created).attempt.answer == "");
  }
  bench.Answers(400, R"({"error":"no such chat"})");
  CHECK(bench.Send(created).attempt.answer == "error: no such chat");
}

TEST_CASE("webhook: a removal as an edit is judged as a deletion") {
  WebhookBench bench;
  bench.Answers(404);

  const ChannelAnswer answer = bench.SendRemovalAsEdit(MessageDelivery(kind::kMessageDeleted));

  CHECK(answer.kind == Kind::kGone);
  CHECK(bench.Last().get_header_value("webhook-id") == "b91c-7-edit");
}

TEST_CASE("webhook: where nobody listens nothing can have been done") {
  WebhookBench bench;
  bench.http.Stop();

  const ChannelAnswer answer = bench.Send(MessageDelivery(kind::kMessageDeleted));

  CHECK(answer.kind == Kind::kLater);
  CHECK_FALSE(answer.maybe_done);
  CHECK_FALSE(answer.reached);
  CHECK(answer.attempt.http_status == 0);
  CHECK_FALSE(answer.reason.empty());
}

TEST_CASE("webhook: what is cut may have been done, and is answered when the client ends") {
  // The handler has its own share: it may still run when the test has ended.
  const auto arrived = std::make_shared<std::promise<void>>();
  std::promise<void> done;
  WebhookBench bench;
  bench.answer = [arrived, wait = done.get_future().share()](httplib::Response&) {
    arrived->set_value();
    wait.wait();
  };
  std::promise<ChannelAnswer> promise;
  bench.channel->Send(MessageDelivery(kind::kMessageDeleted),
                      [&](ChannelAnswer given) { promise.set_value(std::move(given)); });
  arrived->get_future().wait();

  bench.channel.reset();
  bench.client.reset();
  done.set_value();

  const ChannelAnswer answer = promise.get_future().get();
  CHECK(answer.kind == Kind::kLater);
  CHECK(answer.maybe_done);
  CHECK_FALSE(answer.reached);
}

}  // namespace
}  // namespace imrelay
