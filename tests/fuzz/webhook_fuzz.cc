#include <set>
#include <string>
#include <utility>

#include "base/utf8.h"
#include "channel/kept_answer.h"
#include "channel/webhook.h"
#include "domain/external_id.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fuzz/answer_checks.h"
#include "tests/fuzz/check.h"

namespace imrelay {
namespace {

using Kind = ChannelAnswer::Kind;

constexpr std::size_t kMostIds = 20;
constexpr std::size_t kLongestReason = 200;
constexpr const char* kSecret = "whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1u";
constexpr const char* kText = "the private words of an operator, about 17 apples";

class OneAnswer final : public AsyncHttpClient {
 public:
  explicit OneAnswer(const Result<HttpResponse>& answer) : answer_(answer) {}
  void Send(HttpRequest, Answered answered) override { answered(answer_); }

 private:
  const Result<HttpResponse>& answer_;
};

Delivery DeliveryOf(std::string_view kind) {
  Delivery delivery;
  delivery.kind = kind;
  delivery.key = "b91c-7";
  delivery.member_id = MemberId("bac1cd5c8940947a75e0d71b1a84e348");
  delivery.external_chat_id = ExternalChatId("channel-123");
  delivery.message_id = MessageId(86501);
  delivery.payload = std::string(R"({"text":"[b]Anna:[/b] [br])") + kText + "\"}";
  if (kind != kind::kMessageCreated) delivery.external_message_id = ExternalMessageId("ext-005");
  return delivery;
}

void CheckIds(const Result<HttpResponse>& response, bool creates, const ChannelAnswer& answer) {
  std::set<ExternalMessageId> ids;
  for (const ExternalMessageId& id : answer.external_ids) {
    Check(FaultOfExternalId(id.value()) == nullptr, "an id is one that Bitrix24 keeps");
    Check(ids.insert(id).second, "an id stands once");
  }
  Check(ids.size() <= kMostIds, "an answer gives 20 ids at most");
  const bool made = creates && answer.kind == Kind::kDone;
  Check(ids.empty() || made, "only a message that was created has new ids");
  Check(!answer.ids_follow || (made && response->status == 202), "only a 202 promises ids");
}

void CheckAnswer(const Result<HttpResponse>& response, bool creates, bool deletes,
                 const ChannelAnswer& answer) {
  const int status = response ? response->status : 0;
  Check((answer.kind == Kind::kDone) == (status >= 200 && status <= 299), "2xx and no other: done");
  Check((answer.kind == Kind::kOff) == (status == 410), "410 and no other: off");
  const bool deleted = answer.kind == Kind::kGone || answer.kind == Kind::kTooOld ||
                       answer.kind == Kind::kUnsupported;
  Check(!deleted || (deletes && (status == 404 || status == 422)), "only a deletion ends so");
  Check(answer.kind != Kind::kFailed || (status >= 400 && status <= 499), "only a 4xx is final");
  CheckIds(response, creates, answer);
  Check(!answer.retry_after || (status == 429 || status == 503), "only these say when");
  if (answer.retry_after) {
    Check(answer.retry_after->count() >= 0 && *answer.retry_after <= std::chrono::hours(24),
          "no pause is longer than a day");
  }
  CheckLine(answer.reason, kLongestReason);
  CheckKept(answer.attempt.answer, kSecret);
  // A deletion goes without the text, so nothing is known of it.
  Check(deletes || !Repeats(answer.attempt.answer, kText, kRepeatedText), "no text is kept");
}

void CheckChannel(std::string_view input) {
  static const FakeClock clock;
  const Result<HttpResponse> response = AnswersOf(input, 1).front();
  OneAnswer http(response);
  WebhookSettings settings;
  settings.url = "https://channel.example/hook";
  settings.secrets.emplace_back(kSecret);
  const std::unique_ptr<Channel> channel = MakeWebhookChannel(std::move(settings), http, clock);
  int answers = 0;
  for (const std::string_view kind :
       {kind::kMessageCreated, kind::kMessageUpdated, kind::kMessageDeleted}) {
    channel->Send(DeliveryOf(kind), [&](const ChannelAnswer& answer) {
      ++answers;
      CheckAnswer(response, kind == kind::kMessageCreated, kind == kind::kMessageDeleted, answer);
    });
  }
  Check(answers == 3, "each call is answered once");
}

// The input is a service's answer that may repeat any part of what it was sent.
void CheckKeptOf(std::string_view input) {
  const std::size_t middle = input.size() / 2;
  const std::string_view text = input.substr(0, middle);
  CheckKept(KeptAnswer(input, {}), kSecret);
  const std::string kept = KeptAnswer(input.substr(middle), {text, kText});
  CheckKept(kept, kSecret);
  Check(!Repeats(kept, kText, kRepeatedText), "no text is kept");
  // An ellipsis is ours, and a text may have some as well.
  const bool replaced = kept.find("…") != kept.npos;
  // What is no UTF-8 in it could only match between two characters.
  Check(replaced || !Repeats(kept, ReplaceInvalidUtf8(text), kRepeatedText),
        "no part of the text is kept");
}

}  // namespace
}  // namespace imrelay

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  imrelay::CheckChannel(imrelay::InputOf(data, size));
  imrelay::CheckKeptOf(imrelay::InputOf(data, size));
  return 0;
}
