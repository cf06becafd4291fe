#include "channel/webhook.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string_view>
#include <utility>

#include "base/utf8.h"
#include "channel/kept_answer.h"
#include "channel/signature.h"
#include "channel/webhook_call.h"
#include "codec/json.h"
#include "domain/external_id.h"
#include "http/retry_after.h"

namespace imrelay {
namespace {

using Kind = ChannelAnswer::Kind;

constexpr std::chrono::seconds kTimeout{15};
static_assert(kTimeout < kLongestSend);
constexpr std::size_t kMostIds = 20;

// A call on its way.
struct Sent {
  bool creates = false;
  bool deletes = false;
  std::string bbcode;  // of the message
  std::string plain;
  TimePoint begun_at;
  std::chrono::steady_clock::time_point begun;
};

Tree JsonOf(const HttpResponse& response) {
  // Whatever its Content-Type: PHP calls everything HTML that says nothing else.
  if (response.longer) return {};
  Result<Tree> tree = ParseJson(response.body);
  return tree ? *std::move(tree) : Tree();
}

void ReadIds(const HttpResponse& response, ChannelAnswer& answer) {
  const Tree json = JsonOf(response);
  const Tree* const message = json.Find("message");
  const Tree* const ids = message == nullptr ? nullptr : message->Find("ids");
  std::size_t unused = 0;
  if (ids != nullptr) {
    for (const auto& [index, id] : ids->items()) {
      const ExternalMessageId external(id.text());
      auto& taken = answer.external_ids;
      if (std::find(taken.begin(), taken.end(), external) != taken.end()) continue;
      if (taken.size() < kMostIds && FaultOfExternalId(id.text()) == nullptr) {
        taken.push_back(external);
      } else {
        ++unused;
      }
    }
  }
  if (unused != 0) {
    answer.attempt.answer =
        "ids that cannot be kept (20 at most, of 1 to 100 bytes each): " + std::to_string(unused);
  } else if (response.longer) {
    answer.attempt.answer = "an answer longer than 64 KiB is not read";
  }
  answer.ids_follow = response.status == 202 && answer.external_ids.empty();
}

// What of 422 says: {"outcome": "too_old"} or {"outcome": "unsupported"}.
std::optional<Kind> OutcomeOf(const HttpResponse& response) {
  const Tree json = JsonOf(response);
  const std::string* const outcome = json.FindText("outcome");
  if (outcome == nullptr) return std::nullopt;
  if (*outcome == "too_old") return Kind::kTooOld;
  if (*outcome == "unsupported") return Kind::kUnsupported;
  return std::nullopt;
}

Kind KindOf(const HttpResponse& response, const Sent& sent) {
  const int status = response.status;
  if (status >= 200 && status <= 299) return Kind::kDone;
  if (status == 410) return Kind::kOff;
  if (status == 429) return Kind::kLater;
  if (status >= 400 && status <= 499) {
    if (status == 404 && sent.deletes) return Kind::kGone;
    if (status == 422 && sent.deletes) return OutcomeOf(response).value_or(Kind::kFailed);
    return Kind::kFailed;
  }
  return Kind::kLater;
}

std::string ReasonOf(Kind kind, int status) {
  const std::string code = std::to_string(status);
  if (status >= 300 && status <= 399) {
    return "the channel answers with a redirect (" + code + "), which is not followed";
  }
  switch (kind) {
    case Kind::kDone:
      return {};
    case Kind::kGone:
      return "the channel has it no more (404)";
    case Kind::kTooOld:
      return "the channel says it is too old (422)";
    case Kind::kUnsupported:
      return "the channel cannot do it (422)";
    case Kind::kFailed:
      return "the channel refuses it (" + code + ')';
    case Kind::kOff:
      return "the channel wants no more calls (410)";
    case Kind::kLater:
      break;
  }
  return "the channel cannot take it now (" + code + ')';
}

void Judge(const HttpResponse& response, const Sent& sent, TimePoint now, ChannelAnswer& answer) {
  const int status = response.status;
  answer.kind = KindOf(response, sent);
  answer.reason = ReasonOf(answer.kind, status);
  answer.reached = status < 300 || status > 399;  // a redirect is a wrong address
  answer.attempt.http_status = status;
  if (answer.kind == Kind::kDone) {
    if (sent.creates) ReadIds(response, answer);
    return;
  }
  // A beginning cannot be taken apart, and so not be searched for the message's text.
  if (!response.longer) {
    answer.attempt.answer = KeptAnswer(response.body, {sent.bbcode, sent.plain});
  }
  if (answer.kind != Kind::kLater) return;
  answer.maybe_done = status != 429 && status != 503;
  if (status == 429 || status == 503) answer.retry_after = RetryAfter(response, now);
}

void JudgeSilence(const Error& error, ChannelAnswer& answer) {
  answer.kind = Kind::kLater;
  answer.reason = error.message;
  // With any other reason the request was not sent: see HttpClient::Send.
  answer.maybe_done = error.reason == "no_reply" || error.reason == "cut";
}

ChannelAnswer AnswerOf(const Result<HttpResponse>& response, const Sent& sent, TimePoint now) {
  ChannelAnswer answer;
  answer.attempt.begun_at = sent.begun_at;
  answer.attempt.took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - sent.begun);
  if (response) {
    Judge(*response, sent, now, answer);
  } else {
    JudgeSilence(response.error(), answer);
  }
  return answer;
}

class WebhookChannel final : public Channel {
 public:
  WebhookChannel(WebhookSettings settings, AsyncHttpClient& http, const Clock& clock)
      : settings_(std::move(settings)), http_(http), clock_(clock) {}

  void Send(const Delivery& delivery, Answered answered) override {
    Call(delivery, CallForm::kAsItIs, std::move(answered));
  }

  void SendRemovalAsEdit(const Delivery& delivery, Answered answered) override {
    Call(delivery, CallForm::kRemovalAsEdit, std::move(answered));
  }

 private:
  void Call(const Delivery& delivery, CallForm form, Answered answered) {
    WebhookCall call = MakeWebhookCall(delivery, form);
    Sent sent;
    sent.creates = delivery.kind == kind::kMessageCreated;
    sent.deletes = delivery.kind == kind::kMessageDeleted;
    sent.begun_at = clock_.Now();
    sent.begun = std::chrono::steady_clock::now();
    Result<HttpRequest> request = Signed(call, sent.begun_at);
    sent.bbcode = std::move(call.bbcode);
    sent.plain = std::move(call.plain);
    if (!request) {
      answered(AnswerOf(Fail(request.error()), sent, sent.begun_at));
      return;
    }
    // Not `this`: the answer may come when the channel is gone.
    http_.Send(*std::move(request), [sent = std::move(sent), answered = std::move(answered),
                                     &clock = clock_](Result<HttpResponse> response) {
      answered(AnswerOf(response, sent, clock.Now()));
    });
  }

  Result<HttpRequest> Signed(WebhookCall& call, TimePoint now) const {
    HttpRequest request;
    request.url = settings_.url;
    request.timeout = kTimeout;
    request.read_at_most = kLongestAnswer;
    request.headers = {{"Content-Type", "application/json"},
                       {"webhook-id", call.id},
                       {"webhook-timestamp", std::to_string(UnixSeconds(now))}};
    if (!settings_.secrets.empty()) {
      Result<std::string> signature =
          WebhookSignature(settings_.secrets, call.id, UnixSeconds(now), call.body);
      if (!signature) return Fail(std::move(signature).error());
      request.headers["webhook-signature"] = *std::move(signature);
    }
    request.body = std::move(call.body);
    return request;
  }

  const WebhookSettings settings_;
  AsyncHttpClient& http_;
  const Clock& clock_;
};

}  // namespace

std::unique_ptr<Channel> MakeWebhookChannel(WebhookSettings settings, AsyncHttpClient& http,
                                            const Clock& clock) {
  return std::make_unique<WebhookChannel>(std::move(settings), http, clock);
}

}  // namespace imrelay
