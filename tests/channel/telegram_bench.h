#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "channel/telegram.h"
#include "codec/json.h"
#include "tests/fakes/fake_async_http_client.h"
#include "tests/fakes/fake_clock.h"

namespace imrelay {

inline constexpr std::string_view kToken = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw";

// A bot, and what it was told to send.
struct TelegramBench {
  TelegramBench()
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

inline Delivery DeliveryOf(std::string_view kind, std::string payload = {}) {
  Delivery delivery;
  delivery.kind = kind;
  delivery.external_chat_id = ExternalChatId("42");
  delivery.message_id = MessageId(86501);
  delivery.payload = std::move(payload);
  return delivery;
}

inline Delivery DeliveryOf(std::string_view kind, const char* id, std::string payload) {
  Delivery delivery = DeliveryOf(kind, std::move(payload));
  delivery.external_message_id = ExternalMessageId(id);
  return delivery;
}

inline std::string TextPayload(std::string_view text) {
  JsonWriter json;
  json.BeginObject().Key("text").String(text).EndObject();
  return json.Take();
}

inline std::string FilePayload(std::string_view text, std::string_view type,
                               std::string_view name) {
  JsonWriter json;
  json.BeginObject().Key("text").String(text).Key("files").BeginArray().BeginObject();
  json.Key("name").String(name).Key("type").String(type);
  json.Key("link").String("https://b24.example/~show");
  json.Key("download_link").String("https://b24.example/~get").EndObject().EndArray().EndObject();
  return json.Take();
}

inline std::vector<std::string> Ids(const ChannelAnswer& answer) {
  std::vector<std::string> ids;
  for (const ExternalMessageId& id : answer.external_ids) ids.push_back(id.value());
  return ids;
}

}  // namespace imrelay
