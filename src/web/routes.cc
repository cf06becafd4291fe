#include "web/routes.h"

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/metrics.h"
#include "codec/body.h"
#include "domain/event.h"
#include "ingest/application_path.h"
#include "web/answers.h"
#include "web/metrics.h"
#include "web/page_layout.h"

namespace imrelay {
namespace {

bool IsProbe(const Request& request) { return request.method == "GET" || request.method == "HEAD"; }

// The nonce of a query that has one; any other query means nothing.
std::optional<std::string> NonceIn(std::string_view query) {
  constexpr std::string_view kName = "probe=";
  if (!query.starts_with(kName)) return std::nullopt;
  const std::string_view nonce = query.substr(kName.size());
  if (nonce.size() < 16 || nonce.size() > 64 ||
      nonce.find_first_not_of("0123456789abcdef") != nonce.npos) {
    return std::nullopt;
  }
  return std::string(nonce);
}

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

// The labels of a counted event, by its kind and status: anyone may post any name, and to make them
// anew costs more than the counting.
using EventLabelsMap = std::map<std::pair<EventKind, std::string_view>, MetricLabels>;
const EventLabelsMap& EventLabels() {
  static const EventLabelsMap all = [] {
    EventLabelsMap made;
    for (int i = 0; i <= static_cast<int>(EventKind::kOther); ++i) {
      const auto kind = static_cast<EventKind>(i);
      const std::string name(kind == EventKind::kOther ? "other" : WireName(kind));
      for (const char* status : {"accepted", "duplicate", "ignored", "refused", "spooled"}) {
        made[{kind, status}] = {{"event", name}, {"status", status}, {"source", "webhook"}};
      }
    }
    return made;
  }();
  return all;
}

const std::string& WordOf(const Error& error) {
  return error.reason.empty() ? error.message : error.reason;
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
      // Not 503: nginx would hand it to the spooler, and it would be refused again.
      return TooManyAnswer("rate_limited", "too much is waiting already; send it again");
    case ErrorCode::kNotFound:
    case ErrorCode::kConflict:
    case ErrorCode::kInternal:
      break;
  }
  return ErrorAnswer(500, "internal", "the event could not be handled");
}

// Whether an event that met this may still be taken in from the spool: the store is away, or the
// fault is our own, and then the intake sets it aside for people rather than losing it.
bool IsToBeSpooled(const Error& error) {
  return error.code == ErrorCode::kUnavailable || error.code == ErrorCode::kInternal;
}

Response NotFoundAnswer() { return ErrorAnswer(404, "not_found", "there is nothing at this path"); }

// A body that cannot be read is for the event's path to refuse.
bool IsEvent(const Request& request) {
  const std::optional<BodyFormat> format = FormatOf(request.content_type);
  if (request.body_state != Request::BodyState::kComplete || !format) return true;
  const Result<Tree> body = ParseBody(*format, request.body);
  return !body || body->Find("event") != nullptr;
}

}  // namespace

// One posted event: its log line and its reply.
class Routes::Post {
 public:
  Post(const Request& request, Reply reply) : request_(request), reply_(std::move(reply)) {}

  Claimed claimed;
  const Request& request() const { return request_; }

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
         {"remote", request_.remote_address},
         {"ms", std::to_string(took.count())}});
    Measure(status);
    reply_(std::move(response));
  }

 private:
  void Measure(std::string_view status) const {
    const auto labels = EventLabels().find({KindOf(claimed.event), status});
    if (labels != EventLabels().end()) Count("imrelay_events_total", labels->second);
    if (status == "accepted" && KindOf(claimed.event) == EventKind::kMessageDelete) {
      static const MetricLabels posted{{"source", "webhook"}};
      Count("imrelay_deletions_found_total", posted);
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin_;
    Observe("imrelay_event_commit_seconds", took.count());
  }

  const Request request_;  // a copy: the event may have to be spooled long after
  const Reply reply_;
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

Routes::Routes(Served served) : served_(std::move(served)) {}

void Routes::Handle(const Request& request, Reply reply) {
  const std::optional<ApplicationPath> path = ParseApplicationPath(request.path);
  if (path && (path->application.empty() || served_.applications.contains(path->application))) {
    return HandleApplication(path->application, path->page, request, std::move(reply));
  }
  if (served_.channel && request.path.starts_with("/channel/")) {
    return served_.channel(request, std::move(reply));
  }
  if (request.path == "/healthz") {
    return reply(IsProbe(request) ? AnswerProbe(request) : WrongMethodAnswer("GET, HEAD"));
  }
  if (request.path == "/readyz") {
    if (IsProbe(request)) return CheckReady(request, std::move(reply));
    return reply(WrongMethodAnswer("GET, HEAD"));
  }
  if (request.path == "/metrics") {
    return reply(IsProbe(request) ? Metrics() : WrongMethodAnswer("GET, HEAD"));
  }
  reply(NotFoundAnswer());
}

void Routes::HandleApplication(const std::string& application, std::string_view page,
                               const Request& request, Reply reply) {
  if (page == "event") {
    if (request.method == "POST") return PostEvent(application, request, std::move(reply));
    return reply(IsProbe(request) ? AnswerProbe(request) : WrongMethodAnswer("GET, HEAD, POST"));
  }
  const bool install = page == "install";
  if (install || (page == "settings" && served_.pages)) {
    // Bitrix24 looks whether an address that it is given can be reached.
    if (IsProbe(request) && served_.pages) return reply(PageProbeAnswer(request.query));
    if (request.method != "POST") {
      return reply(WrongMethodAnswer(served_.pages ? "GET, HEAD, POST" : "POST"));
    }
    if (install) return PostInstall(application, request, std::move(reply));
    return PostPage(PageKind::kSettings, application, request, std::move(reply));
  }
  reply(NotFoundAnswer());
}

Response Routes::AnswerProbe(const Request& request) const {
  const std::optional<std::string> nonce = NonceIn(request.query);
  return nonce && served_.prove ? ProbeAnswer(served_.prove(*nonce)) : StatusAnswer("ok");
}

void Routes::CheckReady(const Request& request, Reply reply) {
  served_.store.CheckReady(
      [reply = std::move(reply), well = AnswerProbe(request)](const Status& ready) {
        reply(ready ? well : UnavailableAnswer("not_ready", ready.error().message));
      });
}

Response Routes::Metrics() {
  const Result<std::vector<Level>> levels = served_.levels();
  if (levels) return MetricsAnswer(*levels);
  return UnavailableAnswer("not_ready", levels.error().message);
}

// Bitrix24's servers post an ONAPPINSTALL here, and browsers open the page.
void Routes::PostInstall(const std::string& application, const Request& request, Reply reply) {
  if (!served_.pages || IsEvent(request)) {
    return PostEvent(application, request, std::move(reply));
  }
  PostPage(PageKind::kInstall, application, request, std::move(reply));
}

void Routes::PostPage(PageKind kind, const std::string& application, const Request& request,
                      Reply reply) {
  if (const std::optional<Refusal> refusal = RefuseUnread(request, TakenFormats::kFormAndJson)) {
    return reply(ErrorAnswer(refusal->status, refusal->code, refusal->message));
  }
  Result<Tree> body = ParseBody(*FormatOf(request.content_type), request.body);
  if (!body) return reply(AnswerTo(body.error()));
  served_.pages(kind, application, request, *std::move(body), std::move(reply));
}

void Routes::PostEvent(const std::string& application, const Request& request, Reply reply) {
  const auto post = std::make_shared<Post>(request, std::move(reply));
  if (const std::optional<Refusal> refusal = RefuseUnread(request, TakenFormats::kFormAndJson)) {
    return post->Answer(ErrorAnswer(refusal->status, refusal->code, refusal->message), "refused",
                        refusal->code);
  }
  Receive({EventSource::kWebhook, application}, post);
}

void Routes::Receive(const Arrival& arrival, const std::shared_ptr<Post>& post) {
  const Request& request = post->request();
  served_.ingest.Receive(*FormatOf(request.content_type), request.body, arrival, post->claimed,
                         [this, arrival, post](const Result<Committed>& committed) {
                           if (!committed) {
                             const Error& error = committed.error();
                             if (IsToBeSpooled(error) && served_.spool) {
                               return Spool(arrival, post, error);
                             }
                             return post->Answer(AnswerTo(error), "refused", WordOf(error));
                           }
                           const std::string_view status = StatusWord(committed->answer);
                           post->Answer(StatusAnswer(status, committed->reason), status,
                                        committed->reason);
                         });
}

void Routes::Spool(const Arrival& arrival, const std::shared_ptr<Post>& post, const Error& error) {
  served_.spool(post->request(), [this, arrival, post, error](const Status& spooled) {
    if (spooled) return post->Answer(StatusAnswer("spooled"), "spooled", WordOf(error));
    if (error.reason == kHeldBack && !arrival.may_overtake) {
      // Better out of its order than not at all.
      Arrival overtaking = arrival;
      overtaking.may_overtake = true;
      return Receive(overtaking, post);
    }
    Count("imrelay_events_lost_total");
    post->Answer(AnswerTo(error), "refused",
                 "could be written nowhere: " + error.message + "; " + spooled.error().message);
  });
}

}  // namespace imrelay
