#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "channel/telegram.h"
#include "channel/telegram_answer.h"
#include "channel/telegram_parts.h"
#include "codec/json.h"
#include "domain/external_id.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fuzz/answer_checks.h"
#include "tests/fuzz/check.h"
#include "web/telegram_message.h"

namespace imrelay {
namespace {

using Kind = ChannelAnswer::Kind;

constexpr std::size_t kLongestReason = 400;
constexpr std::size_t kMostAnswers = 12;
constexpr const char* kToken = "123456789:AAF-private0token0of0a0bot0";
constexpr const char* kText = "the private words of an operator, about 17 apples";

// Answers in the order of the script, then as if Telegram were away.
class Script final : public AsyncHttpClient {
 public:
  explicit Script(const std::vector<Result<HttpResponse>>& answers) : answers_(answers) {}

  void Send(HttpRequest request, Answered answered) override {
    Check(request.read_at_most == kLongestAnswer, "no answer is read without an end");
    const std::size_t at = calls_++;
    if (at >= answers_.size()) return answered(Fail(ErrorCode::kUnavailable, "nobody listens"));
    if (answers_[at]) last_ = answers_[at]->status;
    answered(answers_[at]);
  }

  std::size_t calls() const { return calls_; }
  int last() const { return last_; }  // the status of the last answer

 private:
  const std::vector<Result<HttpResponse>>& answers_;
  std::size_t calls_ = 0;
  int last_ = 0;
};

Delivery DeliveryOf(std::string_view kind) {
  Delivery delivery;
  delivery.kind = kind;
  delivery.key = "b91c-7";
  delivery.external_chat_id = ExternalChatId("5820011");
  delivery.message_id = MessageId(86501);
  delivery.payload = std::string(R"({"text":")") + kText +
                     R"(","files":[{"name":"a.png","type":"image","link":"https://x.example/a"},)"
                     R"({"name":"b.pdf","type":"file","link":"https://x.example/b"}]})";
  if (kind != kind::kMessageCreated) delivery.external_message_id = ExternalMessageId("311");
  return delivery;
}

bool IsSuccess(int status) { return status >= 200 && status <= 299; }

void CheckIds(const ChannelAnswer& answer, std::size_t calls) {
  Check(answer.external_ids.size() <= calls, "no call makes more than one message");
  for (const ExternalMessageId& id : answer.external_ids) {
    Check(FaultOfExternalId(id.value()) == nullptr, "an id is one that Bitrix24 keeps");
    Check(ReadTelegramId(id).has_value(), "an id can be edited and deleted by");
  }
}

void CheckSending(const std::vector<Result<HttpResponse>>& answers, std::string_view kind,
                  bool removal) {
  constexpr std::size_t kMostCalls = 7;  // a photo, a document, a text and a link; a file likewise
  static const FakeClock clock;
  Script http(answers);
  const std::unique_ptr<Channel> channel = MakeTelegramChannel({"", Secret(kToken)}, http, clock);
  int times = 0;
  const auto answered = [&](const ChannelAnswer& answer) {
    ++times;
    CheckIds(answer, http.calls());
    // Of an edit, Telegram refuses what stands there as it should already.
    const bool edit = kind == kind::kMessageUpdated || removal;
    Check(answer.kind != Kind::kDone || IsSuccess(http.last()) || (edit && http.last() != 0),
          "nothing is done that was not answered so");
    Check(answer.kind != Kind::kOff, "Telegram turns nothing off");
    const bool deletion = kind == kind::kMessageDeleted;
    Check(answer.kind != Kind::kTooOld || deletion, "only a deletion can come too late");
    if (answer.retry_after) {
      Check(answer.retry_after->count() > 0 && *answer.retry_after <= std::chrono::hours(24),
            "no pause is longer than a day");
    }
    CheckLine(answer.reason, kLongestReason);
    CheckKept(answer.attempt.answer, kToken);
    Check(answer.reason.find(kToken) == std::string::npos, "no reason holds the token");
    if (deletion) return;  // goes without the text, so nothing is known of it
    Check(!Repeats(answer.reason, kText, kRepeatedText), "no reason holds the message");
    Check(!Repeats(answer.attempt.answer, kText, kRepeatedText), "no answer holds the message");
  };
  if (removal) {
    channel->SendRemovalAsEdit(DeliveryOf(kind), answered);
  } else {
    channel->Send(DeliveryOf(kind), answered);
  }
  Check(times == 1, "a delivery is answered once");
  Check(http.calls() <= kMostCalls, "no answer makes us call on and on");
}

bool IsNumber(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && text.find_first_not_of("0123456789") == text.npos && text != "0";
}

void CheckUpdate(std::string_view input) {
  const Result<Tree> update = ParseJson(input);
  if (!update) return;
  for (const char* name : {"message", "edited_message"}) {
    const Tree* const message = update->Find(name);
    if (message == nullptr) continue;
    const std::optional<TelegramMessage> read = ReadTelegramMessage(*message);
    if (!read) continue;
    Check(IsNumber(read->chat_id) && IsNumber(read->message_id), "ids are numbers");
    Check(IsValidUtf8(read->payload), "what goes on is valid UTF-8");
    Check(ParseJson(read->payload).has_value(), "what goes on is JSON within the limits");
    Check(read->payload.size() <= 6 * input.size() + 600, "what goes on grows no further");
  }
}

}  // namespace
}  // namespace imrelay

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace imrelay;
  const std::string_view input = InputOf(data, size);
  CheckUpdate(input);
  const std::vector<Result<HttpResponse>> answers = AnswersOf(input, kMostAnswers);
  for (const std::string_view kind :
       {kind::kMessageCreated, kind::kMessageUpdated, kind::kMessageDeleted}) {
    CheckSending(answers, kind, false);
  }
  CheckSending(answers, kind::kMessageDeleted, true);
  return 0;
}
