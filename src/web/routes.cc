#include "web/routes.h"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "codec/body.h"
#include "web/answers.h"

namespace imrelay {
namespace {

bool IsProbe(const Request& request) { return request.method == "GET" || request.method == "HEAD"; }

std::string_view StatusWord(Committed::Answer answer) {
  switch (answer) {
    case Committed::Answer::kAccepted:
      return "accepted";
    case Committed::Answer::kDuplicate:
      return "duplicate";
    case Committed::Answer::kIgnored:
      return "ignored";
  }
  return "accepted";
}

// One posted event until it is answered: its log line and its reply.
class Post {
 public:
  Post(const Request& request, Reply reply)
      : remote_address_(request.remote_address), reply_(std::move(reply)) {}

  Claimed claimed;

  void Answer(Response response, std::string_view status, std::string_view reason) const {
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - begin_);
    const LogLevel level = response.status >= 500   ? LogLevel::kError
                           : response.status >= 400 ? LogLevel::kWarning
                                                    : LogLevel::kInfo;
    Log(level, "event",
        {{"status", std::string(status)},
         {"http", std::to_string(response.status)},
         {"event", claimed.event},
         {"member_id", claimed.member_id},
         {"reason", std::string(reason)},
         {"remote", remote_address_},
         {"ms", std::to_string(took.count())}});
    reply_(std::move(response));
  }

 private:
  const std::string remote_address_;
  const Reply reply_;
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

// What is wrong with a post before its body is looked at; nothing when all is well.
struct Refusal {
  int status;
  std::string_view code;
  std::string_view message;
};

std::optional<Refusal> RefuseUnread(const Request& request) {
  using BodyState = Request::BodyState;
  if (request.body_state == BodyState::kNoLength) {
    return Refusal{411, "length_required", "the request needs a Content-Length"};
  }
  if (request.body_state == BodyState::kTooLarge) {
    return Refusal{413, "body_too_large", "the body is larger than 1 MiB"};
  }
  if (!FormatOf(request.content_type)) {
    return Refusal{415, "unsupported_media_type",
                   "the body must be application/x-www-form-urlencoded or application/json"};
  }
  if (request.body_state == BodyState::kCut) {
    return Refusal{400, "incomplete_body", "the body is not as long as its Content-Length"};
  }
  return std::nullopt;
}

// The answer to an event that was not taken in. What the database or the program itself complains
// of is for the log only.
Response AnswerTo(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalidArgument:
      if (error.reason.empty()) break;  // a complaint about our statement, not about the body
      return ErrorAnswer(error.reason == "body_too_large" ? 413 : 400, error.reason, error.message);
    case ErrorCode::kUnauthenticated:
      return ErrorAnswer(403, error.reason, error.message);
    case ErrorCode::kUnavailable:
      return UnavailableAnswer("unavailable", "the event could not be stored; send it again");
    case ErrorCode::kRateLimited:
      return UnavailableAnswer("rate_limited", "too much is waiting already; send it again");
    case ErrorCode::kNotFound:
    case ErrorCode::kConflict:
    case ErrorCode::kInternal:
      break;
  }
  return ErrorAnswer(500, "internal", "the event could not be handled");
}

}  // namespace

Routes::Routes(Ingest& ingest, Store& store) : ingest_(ingest), store_(store) {}

void Routes::Handle(const Request& request, Reply reply) {
  if (request.path == "/bitrix24/event") {
    if (request.method == "POST") return PostEvent(request, std::move(reply));
    return reply(IsProbe(request) ? StatusAnswer("ok") : WrongMethodAnswer("GET, HEAD, POST"));
  }
  if (request.path == "/bitrix24/install") {
    if (request.method == "POST") return PostEvent(request, std::move(reply));
    return reply(WrongMethodAnswer("POST"));
  }
  if (request.path == "/healthz") {
    return reply(IsProbe(request) ? StatusAnswer("ok") : WrongMethodAnswer("GET, HEAD"));
  }
  if (request.path == "/readyz") {
    if (IsProbe(request)) return CheckReady(std::move(reply));
    return reply(WrongMethodAnswer("GET, HEAD"));
  }
  reply(ErrorAnswer(404, "not_found", "there is nothing at this path"));
}

void Routes::CheckReady(Reply reply) {
  store_.CheckReady([reply = std::move(reply)](const Status& ready) {
    reply(ready ? StatusAnswer("ok") : UnavailableAnswer("not_ready", ready.error().message));
  });
}

void Routes::PostEvent(const Request& request, Reply reply) {
  const auto post = std::make_shared<Post>(request, std::move(reply));
  if (const std::optional<Refusal> refusal = RefuseUnread(request)) {
    return post->Answer(ErrorAnswer(refusal->status, refusal->code, refusal->message), "refused",
                        refusal->code);
  }
  ingest_.Receive(*FormatOf(request.content_type), request.body, EventSource::kWebhook,
                  post->claimed, [post](const Result<Committed>& committed) {
                    if (!committed) {
                      const Error& error = committed.error();
                      return post->Answer(AnswerTo(error), "refused",
                                          error.reason.empty() ? error.message : error.reason);
                    }
                    const std::string_view status = StatusWord(committed->answer);
                    post->Answer(StatusAnswer(status, committed->reason), status,
                                 committed->reason);
                  });
}

}  // namespace imrelay
