#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/secret.h"
#include "channel/channel.h"
#include "http/async_client.h"

namespace imrelay {

struct TelegramSettings {
  std::string api_url = "https://api.telegram.org";  // without a trailing slash
  Secret token;                                      // the bot's
};

// A Telegram bot, by the Bot API (core.telegram.org/bots/api): the external chat id is `chat.id`,
// an external message id is `message_id`. Keeps references to `http` and `clock`.
std::unique_ptr<Channel> MakeTelegramChannel(TelegramSettings settings, AsyncHttpClient& http,
                                             const Clock& clock);

}  // namespace imrelay
