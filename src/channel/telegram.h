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
// an external message id begins with `message_id` (see TelegramId). A message becomes several where
// its text is too long or files come with it; they go one after another, and what a failure leaves
// follows with the next attempt. Telegram fetches files itself; one that it does not take goes as a
// link. It knows no repeats, so a message whose answer was lost arrives twice.
// Other kinds of deliveries than messages mean nothing to Telegram: done without a call, the
// attempt's status is 0. The token stands in the address of every call, and so in no error, answer
// or reason. Keeps references to `http` and `clock`.
std::unique_ptr<Channel> MakeTelegramChannel(TelegramSettings settings, AsyncHttpClient& http,
                                             const Clock& clock);

}  // namespace imrelay
