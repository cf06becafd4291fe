#include "web/telegram_updates.h"

#include <doctest/doctest.h>

#include <fstream>
#include <future>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "codec/json.h"
#include "tests/fakes/fake_clock.h"

namespace imrelay {
namespace {

constexpr const char* kKey = "a-secret_token-0123456789";

// Remembers what was queued, each key once, or refuses with `refusal`.
class QueueOnly final : public ChannelStore {
 public:
  std::optional<Error> refusal;
  std::vector<IncomingMessage> queued;
  std::set<std::array<std::uint8_t, 16>> keys;

  Result<Queued> QueueIncoming(const ChannelRequest& request,
                               const IncomingMessage& message) override {
    if (refusal) return Fail(*refusal);
    REQUIRE(request.key.has_value());
    if (!keys.insert(*request.key).second) return Queued{DeliveryId(1), true};
    queued.push_back(message);
    return Queued{DeliveryId(1), false};
  }
  Result<Queued> NameMessage(const ChannelRequest&, const MemberId&, const ConnectorId&, LineId,
                             MessageId, const std::vector<ExternalMessageId>&) override {
    return None();
  }
  Status RetryDelivery(DeliveryId, TimePoint) override { return None(); }
  Result<int> RetryFailed(const ReportQuery&, TimePoint) override { return None(); }
  Status CancelDelivery(DeliveryId, TimePoint) override { return None(); }
  Result<OutboxLevels> FindLevels() override { return None(); }

 private:
  static tl::unexpected<Error> None() { return Fail(ErrorCode::kInternal, "no update does this"); }
};

std::vector<TelegramBot> Bots() {
  const MemberId portal("bac1");
  return {{"", Secret(kKey), std::nullopt, std::nullopt, ConnectorId("myconnector")},
          {"shop", Secret(kKey), portal, LineId(107), ConnectorId("myconnector")},
          {"other", Secret("another-secret_token-01"), portal, LineId(108), ConnectorId("second")},
          {"keyless", Secret(), portal, LineId(109), ConnectorId("myconnector")}};
}

struct House {
  Response Ask(const Request& request) {
    std::promise<Response> answer;
    updates.Handle(request, [&answer](Response response) { answer.set_value(response); });
    return answer.get_future().get();
  }
  Response Post(const std::string& path, std::string body, const std::string& key = kKey) {
    Request request;
    request.method = "POST";
    request.path = path;
    request.content_type = "application/json";
    request.body = std::move(body);
    request.headers = {{"x-telegram-bot-api-secret-token", key}};
    return Ask(request);
  }
  // To the bot "shop".
  Response Post(std::string body) { return Post("/channel/v1/telegram/shop", std::move(body)); }

  FakeClock clock;
  QueueOnly store;
  RequestPool pool{1, 10};
  TelegramUpdates updates{Bots(), store, pool, clock};
};

std::string Text(std::string_view text, int update_id = 1, int message_id = 311) {
  return R"({"update_id":)" + std::to_string(update_id) + R"(,"message":{"message_id":)" +
         std::to_string(message_id) + R"(,"from":{"id":42,"first_name":"Anna"},"chat":{"id":42},)" +
         R"("date":1773748801,"text":")" + std::string(text) + "\"}}";
}

TEST_CASE("telegram updates: what every recorded update becomes") {
  std::ifstream updates(IMRELAY_TEST_DATA "/telegram/updates.jsonl");
  int seen = 0;
  for (std::string line; std::getline(updates, line); ++seen) {
    CAPTURE(line);
    const Result<Tree> told = ParseJson(line);
    REQUIRE(told);
    constexpr std::string_view kBody = "\"body\":";
    const std::size_t body = line.find(kBody) + kBody.size();
    House house;

    const Response response = house.Post(line.substr(body, line.size() - body - 1));

    CHECK(response.status == 200);
    if (const std::string* const ignored = told->FindText("ignored")) {
      CHECK(response.body == R"({"status":"ignored","reason":")" + *ignored + "\"}");
      CHECK(house.store.queued.empty());
      continue;
    }
    CHECK(response.body == R"({"status":"accepted"})");
    REQUIRE(house.store.queued.size() == 1);
    const IncomingMessage& queued = house.store.queued[0];
    const bool edited = told->FindText("edited") != nullptr;
    CHECK(queued.kind == (edited ? kind::kIncomingUpdated : kind::kIncomingCreated));
    CHECK(queued.member_id == MemberId("bac1"));
    CHECK(queued.place.line == LineId(107));
    CHECK(queued.place.connector == ConnectorId("myconnector"));
    const Result<Tree> payload = ParseJson(queued.payload);
    REQUIRE(payload);
    CHECK(*payload->Find("message")->FindText("text") == *told->FindText("text"));
    CHECK(*payload->Find("message")->FindText("id") == queued.external_message_id.value());
    CHECK(*payload->Find("chat")->FindText("id") == queued.place.external_chat_id.value());
    // Neither a way to a file nor anything else that is not asked for.
    CHECK(queued.payload.find("file_id") == std::string::npos);
  }
  CHECK(seen == 15);
}

TEST_CASE("telegram updates: the element of MESSAGES, to the letter") {
  House house;

  house.Post(R"({"update_id":1,"message":{"message_id":311,"from":{"id":5820011,"is_bot":false,)"
             R"("first_name":"Anna","last_name":"Petrova","username":"anna_p"},"chat":{"id":-77,)"
             R"("title":"Buyers"},"date":1773748801,"text":"Hi"}})");

  REQUIRE(house.store.queued.size() == 1);
  CHECK(
      house.store.queued[0].payload ==
      R"({"user":{"id":"5820011","name":"Anna","last_name":"Petrova","url":"https://t.me/anna_p"},)"
      R"("message":{"id":"311","date":1773748801,"text":"Hi"},)"
      R"("chat":{"id":"-77","name":"Buyers"}})");
}

TEST_CASE("telegram updates: only the bot's own secret is believed") {
  House house;
  const std::pair<const char*, const char*> cases[] = {
      {"/channel/v1/telegram/shop", ""},
      {"/channel/v1/telegram/shop", "a-secret_token-012345678"},
      {"/channel/v1/telegram/shop", "a-secret_token-01234567890"},
      {"/channel/v1/telegram/shop", "another-secret_token-01"},
      {"/channel/v1/telegram/other", kKey},
      {"/channel/v1/telegram/keyless", ""},
      {"/channel/v1/telegram/keyless", kKey},
  };
  for (const auto& one : cases) {
    const char* const path = one.first;
    const char* const key = one.second;
    CAPTURE(path);
    CAPTURE(key);
    CHECK(house.Post(path, Text("Hi"), key).status == 403);
    // A body that cannot be read tells a stranger nothing.
    CHECK(house.Post(path, "{", key).status == 403);
  }
  Request bare;
  bare.method = "POST";
  bare.path = "/channel/v1/telegram/shop";
  bare.body = Text("Hi");
  CHECK(house.Ask(bare).status == 403);
  CHECK(house.store.queued.empty());

  CHECK(house.Post("/channel/v1/telegram/other", Text("Hi"), "another-secret_token-01").status ==
        200);
  REQUIRE(house.store.queued.size() == 1);
  CHECK(house.store.queued[0].place.line == LineId(108));
}

TEST_CASE("telegram updates: paths") {
  for (const char* path : {"/channel/v1/telegram", "/channel/v1/telegram/shop",
                           "/channel/v1/telegram/", "/channel/v1/telegram/a/b"}) {
    CHECK(TelegramUpdates::Owns(path));
  }
  for (const char* path : {"/channel/v1/telegrams", "/channel/v1/messages", "/channel/v1", "/"}) {
    CHECK_FALSE(TelegramUpdates::Owns(path));
  }
  House house;
  CHECK(house.Post("/channel/v1/telegram/nobody", Text("Hi")).status == 404);
  CHECK(house.Post("/channel/v1/telegram/shop/", Text("Hi")).status == 404);
  Request get;
  get.method = "GET";
  get.path = "/channel/v1/telegram/shop";
  CHECK(house.Ask(get).status == 405);
}

TEST_CASE("telegram updates: each counts once, and another bot's is another") {
  House house;
  CHECK(house.Post(Text("Hi", 7)).body == R"({"status":"accepted"})");
  CHECK(house.Post(Text("Hi", 7)).body == R"({"status":"duplicate"})");
  CHECK(house.Post(Text("Hi", 8, 312)).body == R"({"status":"accepted"})");
  // A new bot in the old one's place counts anew.
  CHECK(house.Post(Text("Hi", 7, 900)).body == R"({"status":"accepted"})");
  house.Post("/channel/v1/telegram/other", Text("Hi", 7), "another-secret_token-01");

  CHECK(house.store.queued.size() == 4);
}

TEST_CASE("telegram updates: a bot whose channel names no line takes in nothing") {
  House house;

  const Response response = house.Post("/channel/v1/telegram", Text("Hi"));

  CHECK(response.status == 200);
  CHECK(response.body == R"({"status":"ignored","reason":"no_line"})");
  CHECK(house.store.queued.empty());
}

TEST_CASE("telegram updates: what can never be used is not asked for again") {
  House house;
  for (const char* body :
       {"{", "[]", "{}", R"({"update_id":1})", R"({"update_id":1,"message":"text"})",
        R"({"update_id":1,"message":{"text":"a"}})", R"({"message":{"message_id":1}})",
        R"({"update_id":1,"message":{"message_id":"x","chat":{"id":1},"text":"a"}})",
        R"({"update_id":1,"message":{"message_id":0,"chat":{"id":1},"text":"a"}})",
        R"({"update_id":1,"message":{"message_id":5,"chat":{"id":"1|2"},"text":"a"}})",
        R"({"update_id":1,"message":{"message_id":5,"chat":{"id":1},"text":""}})"}) {
    CAPTURE(body);
    const Response response = house.Post(body);
    CHECK(response.status == 200);
    CHECK(response.body.starts_with(R"({"status":"ignored",)"));
  }
  CHECK(house.store.queued.empty());
}

TEST_CASE("telegram updates: a worker that stops asks for them again") {
  House house;
  house.pool.Stop();

  CHECK(house.Post(Text("Hi")).status == 503);
  CHECK(house.Post("/channel/v1/telegram/shop", Text("Hi"), "wrong").status == 403);
}

TEST_CASE("telegram updates: what the store says decides whether Telegram repeats") {
  struct Row {
    Error error;
    int status;
    const char* retry_after;
  };
  for (const Row& row : {Row{{ErrorCode::kUnavailable, "database is locked"}, 503, "1"},
                         Row{{ErrorCode::kInternal, "bug"}, 503, "1"},
                         Row{{ErrorCode::kNotFound, "", "unknown_portal"}, 503, "60"},
                         Row{{ErrorCode::kNotFound, "", "unknown_message"}, 200, ""},
                         Row{{ErrorCode::kConflict, "", "uninstalled"}, 200, ""},
                         Row{{ErrorCode::kInvalidArgument, "", "bad_id"}, 200, ""}}) {
    CAPTURE(row.error.message);
    CAPTURE(row.error.reason);
    House house;
    house.store.refusal = row.error;

    const Response response = house.Post(Text("Hi"));

    CHECK(response.status == row.status);
    std::string retry_after;
    for (const auto& [name, value] : response.headers) {
      if (name == "Retry-After") retry_after = value;
    }
    CHECK(retry_after == row.retry_after);
    // Telegram would take a "method" for an order.
    CHECK(response.body.find("method") == std::string::npos);
    CHECK(response.body.find("locked") == std::string::npos);
  }
}

}  // namespace
}  // namespace imrelay
