#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "channel/channel.h"
#include "http/client.h"

namespace imrelay {

// What a call of the Bot API was for.
enum class TelegramCall { kSend, kEdit, kDelete };

// What the Bot API answered: {"ok":true,"result":…} or {"ok":false,"error_code":…,
// "description":…,"parameters":{…}}; "ok" counts with a 2xx only. Source:
// core.telegram.org/bots/api, "Making requests".
struct TelegramAnswer {
  bool ok = false;
  int status = 0;  // HTTP's; 0: no answer
  int code = 0;    // `error_code`, which is the status; 0: this was no answer of the Bot API
  std::string description;                 // as it came; never to be kept
  std::string kept;                        // the same, see KeptAnswer, or why there is no answer
  std::optional<std::int64_t> message_id;  // of `result`
  std::optional<std::chrono::seconds> retry_after;
  std::string migrate_to;   // the chat's new number
  bool maybe_done = false;  // the request may have arrived, and nothing says what became of it
};

// `text` is the message's, which must not be kept.
TelegramAnswer ReadTelegramAnswer(const Result<HttpResponse>& response, std::string_view text);

// Whether the description says so, in any case.
bool Says(const TelegramAnswer& answer, std::string_view words);

// What it means for a delivery; without the times of its attempt.
ChannelAnswer JudgeTelegram(TelegramCall call, const TelegramAnswer& answer);

// Telegram's answers to a wrong place of the text: the message is a file with a caption.
inline constexpr std::string_view kNoTextToEdit = "there is no text in the message to edit";

}  // namespace imrelay
