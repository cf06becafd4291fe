#include "channel/telegram_answer.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <utility>

#include "channel/kept_answer.h"
#include "codec/ascii.h"
#include "codec/json.h"

namespace imrelay {
namespace {

// No longer pause is believed.
constexpr std::chrono::hours kLongestPause{24};

std::optional<std::int64_t> NumberIn(const Tree& tree, std::string_view key) {
  const std::string* const text = tree.FindText(key);
  if (text == nullptr) return std::nullopt;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return number;
}

void ReadParameters(const Tree& body, TelegramAnswer& answer) {
  const Tree* const parameters = body.Find("parameters");
  if (parameters == nullptr) return;
  if (const auto seconds = NumberIn(*parameters, "retry_after")) {
    answer.retry_after = std::chrono::seconds(
        std::clamp<std::int64_t>(*seconds, 1, std::chrono::seconds(kLongestPause).count()));
  }
  if (const auto chat = NumberIn(*parameters, "migrate_to_chat_id")) {
    answer.migrate_to = std::to_string(*chat);
  }
}

ChannelAnswer Ended(ChannelAnswer::Kind kind, std::string reason) {
  ChannelAnswer ended;
  ended.kind = kind;
  ended.reached = true;
  ended.reason = std::move(reason);
  return ended;
}

ChannelAnswer JudgeLater(const TelegramAnswer& answer) {
  ChannelAnswer later = Ended(ChannelAnswer::Kind::kLater, answer.kept);
  later.maybe_done = answer.maybe_done;
  if (answer.code == 401 || answer.code == 404) {
    // The operator's mistake, so that nothing is lost by it: the endpoint counts as broken. A token
    // of the wrong shape gives 404, and nothing else does: see fail_query_with_error there.
    later.reached = false;
    later.reason = "Telegram does not know the bot's token: " + answer.kept;
  } else if (answer.code == 0) {
    later.reached = false;
  } else {
    later.retry_after = answer.retry_after;
  }
  return later;
}

// What a Bad Request means. Source of the texts: tdlib/telegram-bot-api,
// telegram-bot-api/Client.cpp, fail_query_with_error and check_message; td, MessagesManager.cpp.
ChannelAnswer JudgeRefusal(TelegramCall call, const TelegramAnswer& answer) {
  using enum ChannelAnswer::Kind;
  if (!answer.migrate_to.empty()) {
    return Ended(kFailed,
                 "the group has become a supergroup; its chat id is now " + answer.migrate_to);
  }
  if (call == TelegramCall::kDelete) {
    if (Says(answer, "message to delete not found")) return Ended(kGone, answer.kept);
    if (Says(answer, "message can't be deleted")) {
      return Ended(kTooOld, "Telegram deletes for 48 hours, or the bot may not: " + answer.kept);
    }
  }
  if (call == TelegramCall::kEdit && Says(answer, "message is not modified")) {
    return Ended(kDone, {});
  }
  return Ended(kFailed, answer.kept);
}

}  // namespace

TelegramAnswer ReadTelegramAnswer(const Result<HttpResponse>& response, std::string_view text) {
  TelegramAnswer answer;
  if (!response) {
    answer.kept = response.error().message;
    answer.maybe_done = response.error().reason == "no_reply" || response.error().reason == "cut";
    return answer;
  }
  answer.status = response->status;
  const bool success = response->status >= 200 && response->status <= 299;
  if (response->longer && success) {
    answer.ok = true;  // sent again, it would stand there twice
    answer.code = 200;
    return answer;
  }
  const Result<Tree> body = ParseJson(response->body);
  const std::string* const ok = body ? body->FindText("ok") : nullptr;
  // A yes with a status that is none comes from something between us and Telegram.
  if (ok == nullptr || (*ok == "1" && !success)) {
    answer.kept =
        "the answer is none of the Bot API (HTTP " + std::to_string(response->status) + ")";
    answer.maybe_done = true;
    return answer;
  }
  answer.ok = *ok == "1";
  if (answer.ok) {
    answer.code = 200;
    const Tree* const result = body->Find("result");
    if (result != nullptr) answer.message_id = NumberIn(*result, "message_id");
    if (answer.message_id && *answer.message_id < 1) answer.message_id.reset();
    return answer;
  }
  const std::optional<std::int64_t> code = NumberIn(*body, "error_code");
  answer.code = code && *code >= 400 && *code < 600 ? static_cast<int>(*code) : response->status;
  answer.maybe_done = answer.code >= 500;
  const std::string* const description = body->FindText("description");
  if (description != nullptr) {
    answer.description = *description;
    // Telegram's own sentence; it should not repeat what was sent. A word proves nothing.
    constexpr std::size_t kWord = 4;
    answer.kept = KeptAnswer(*description, {text.size() < kWord ? std::string_view() : text});
  }
  if (answer.kept.empty()) answer.kept = "refused: " + std::to_string(answer.code);
  ReadParameters(*body, answer);
  return answer;
}

bool Says(const TelegramAnswer& answer, std::string_view words) {
  return LowerAscii(answer.description).find(words) != std::string::npos;
}

ChannelAnswer JudgeTelegram(TelegramCall call, const TelegramAnswer& answer) {
  ChannelAnswer judged;
  if (answer.ok) {
    judged = Ended(ChannelAnswer::Kind::kDone, {});
  } else if (answer.code < 400 || answer.code >= 500 || answer.code == 429 || answer.code == 401 ||
             answer.code == 404) {
    judged = JudgeLater(answer);
  } else {
    judged = JudgeRefusal(call, answer);
  }
  judged.attempt.http_status = answer.status;
  if (judged.kind != ChannelAnswer::Kind::kDone) judged.attempt.answer = answer.kept;
  return judged;
}

}  // namespace imrelay
