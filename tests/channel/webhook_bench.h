#pragma once

#include <doctest/doctest.h>
#include <httplib.h>

#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "channel/channel.h"
#include "channel/webhook.h"
#include "domain/delivery.h"
#include "http/async_client.h"
#include "tests/fakes/fake_clock.h"
#include "tests/portal/loopback_server.h"

namespace imrelay {

// A delivery with everything a message has.
inline Delivery MessageDelivery(std::string_view kind, std::string payload = {}) {
  Delivery delivery;
  delivery.id = DeliveryId(7);
  delivery.kind = kind;
  delivery.key = "b91c-7";
  delivery.member_id = MemberId("bac1cd5c8940947a75e0d71b1a84e348");
  delivery.connector = ConnectorId("myconnector");
  delivery.line = LineId(107);
  delivery.external_chat_id = ExternalChatId("channel-123");
  delivery.chat_id = ChatId(1807);
  delivery.message_id = MessageId(86501);
  delivery.payload = std::move(payload);
  delivery.created_at = FromUnixSeconds(1773760577);
  if (kind != kind::kMessageCreated) {
    delivery.external_message_id = ExternalMessageId("ext-msg-005");
  }
  return delivery;
}

// A channel of this type and the service it calls.
struct WebhookBench {
  explicit WebhookBench(std::vector<std::string> secrets = {}) {
    http.server().Post("/hook",
                       [this](const httplib::Request& request, httplib::Response& response) {
                         const std::lock_guard lock(mutex);
                         seen.push_back(request);
                         answer(response);
                       });
    REQUIRE(http.Start());
    WebhookSettings settings;
    settings.url = http.Url() + "/hook";
    for (std::string& secret : secrets) settings.secrets.emplace_back(std::move(secret));
    channel = MakeWebhookChannel(std::move(settings), *client, clock);
  }

  // The service answers so from now on.
  void Answers(int status, std::string body = {}, httplib::Headers headers = {}) {
    const std::lock_guard lock(mutex);
    answer = [=](httplib::Response& response) {
      response.status = status;
      response.headers = headers;
      response.body = body;
    };
  }

  ChannelAnswer Send(const Delivery& delivery) {
    return Wait([&](Channel::Answered answered) { channel->Send(delivery, answered); });
  }
  ChannelAnswer SendRemovalAsEdit(const Delivery& delivery) {
    return Wait(
        [&](Channel::Answered answered) { channel->SendRemovalAsEdit(delivery, answered); });
  }

  httplib::Request Last() {
    const std::lock_guard lock(mutex);
    REQUIRE_FALSE(seen.empty());
    return seen.back();
  }

  static ChannelAnswer Wait(const std::function<void(Channel::Answered)>& send) {
    // Shared: it may still be at work in the client's thread when its value is there.
    const auto promise = std::make_shared<std::promise<ChannelAnswer>>();
    send([promise](ChannelAnswer given) { promise->set_value(std::move(given)); });
    return promise->get_future().get();
  }

  std::mutex mutex;
  std::vector<httplib::Request> seen;
  std::function<void(httplib::Response&)> answer = [](httplib::Response&) {};
  FakeClock clock;
  std::unique_ptr<AsyncHttpClient> client = MakeAsyncCurlClient({true});
  std::unique_ptr<Channel> channel;
  LoopbackServer http;  // goes first: its handler uses what stands above
};

}  // namespace imrelay
