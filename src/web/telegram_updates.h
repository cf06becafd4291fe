#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/secret.h"
#include "codec/tree.h"
#include "domain/ids.h"
#include "store/channel_store.h"
#include "web/http.h"
#include "web/request_pool.h"

namespace imrelay {

// A bot that may post its updates.
struct TelegramBot {
  std::string name;  // of its channel
  Secret key;        // setWebhook's secret_token; empty: nothing is believed
  // Where its clients' messages go; without them, nowhere.
  std::optional<MemberId> portal;
  std::optional<LineId> line;
  ConnectorId connector;
};

// Takes in what clients write to bots: POST /channel/v1/telegram/NAME, of the unnamed channel
// /channel/v1/telegram. A message becomes an incoming.created, an edited one an incoming.updated;
// each update counts once.
// Telegram posts an update again for a day, and later ones of its chat after it, until the answer
// is 2xx; it heeds Retry-After, and takes "method" in an answer for an order, and 410 for an end of
// all. Source: tdlib/telegram-bot-api, telegram-bot-api/WebhookActor.cpp. So whatever is authentic
// and could never be used is answered with 200.
class TelegramUpdates {
 public:
  // Keeps references; the pool is stopped before this goes.
  TelegramUpdates(std::vector<TelegramBot> bots, ChannelStore& store, RequestPool& pool,
                  const Clock& clock);
  ~TelegramUpdates();

  // Whether a path is of this kind, if not of a bot.
  static bool Owns(std::string_view path);

  // Answers a request of such a path when what it brings is on disk, from the pool's threads; what
  // is not authentic, at once. Thread-safe. Counts imrelay_channel_requests_total and logs one line
  // an update.
  void Handle(const Request& request, Reply reply);

 private:
  struct Bot;
  struct Said;  // an answer and what the log says of it

  static std::optional<Said> Refuse(const Bot& bot, const Request& request);
  Said Take(Bot& bot, std::string_view body);
  Said Queue(const Bot& bot, const Tree& update);

  std::map<std::string, std::unique_ptr<Bot>, std::less<>> bots_;  // by name
  ChannelStore& store_;
  RequestPool& pool_;
  const Clock& clock_;
};

}  // namespace imrelay
