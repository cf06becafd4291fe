#include "tests/channel_service/service.h"

#include <httplib.h>

#include <chrono>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "codec/json.h"
#include "tests/channel_service/book.h"
#include "tests/channel_service/faults.h"
#include "tests/channel_service/signature.h"
#include "tests/portal/loopback_server.h"
#include "tests/portal/parameters.h"
#include "tests/portal/php_value.h"

namespace imrelay::channel_service {
namespace {

using stand_in::PhpValue;

constexpr const char* kJson = "application/json";
constexpr std::int64_t kTolerance =
    300;  // seconds, of webhook-timestamp; the spec's libraries have it

// One call that came, for the log.
struct Seen {
  std::optional<Call> call;
  int status = 0;  // 0: no answer was given
  std::string fault;
  bool repeat = false;
  std::int64_t at_ms = 0;
};

std::int64_t NowMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

void Give(const Outcome& outcome, httplib::Response& response) {
  response.status = outcome.status;
  response.set_content(outcome.body, kJson);
}

// cpp-httplib cannot end a connection without a word; a body that does not come whole is the same
// to the caller: the answer is lost.
void CutAnswer(httplib::Response& response, std::string part) {
  const std::size_t promised = 2 * part.size() + 1;
  response.set_content_provider(promised, kJson,
                                [part = std::move(part), sent = false](
                                    std::size_t, std::size_t, httplib::DataSink& sink) mutable {
                                  if (sent || part.empty()) return false;
                                  sent = true;
                                  return sink.write(part.data(), part.size());
                                });
}

// False: the call is not to be carried out, and `response` says why.
bool IsCarriedOut(const Fault& fault, httplib::Response& response) {
  if (fault.mode == "down") {
    CutAnswer(response, {});
  } else if (fault.mode == "http500" || fault.mode == "html") {
    response.status = fault.mode == "html" ? 502 : 500;
    response.set_content("<html><body>Something went wrong</body></html>", "text/html");
  } else if (fault.mode == "410" || fault.mode == "429" || fault.mode == "503") {
    response.status = std::atoi(fault.mode.c_str());
    if (fault.retry_after > 0) {
      response.set_header("Retry-After", std::to_string(fault.retry_after));
    }
  } else {
    return true;
  }
  return false;
}

void SpoilAnswer(const Fault& fault, const Outcome& outcome, httplib::Response& response) {
  if (fault.mode == "drop_after") {
    CutAnswer(response, {});
  } else if (fault.mode == "cut") {
    CutAnswer(response, outcome.body.substr(0, outcome.body.size() / 2));
  } else if (fault.mode == "empty" && outcome.status < 300) {
    response.status = 200;
  } else {
    Give(outcome, response);
  }
}

}  // namespace

class Service::Impl {
 public:
  explicit Impl(const Options& options) : secret_(options.secret), faults_(options.seed) {
    httplib::Server& server = server_.server();
    server.Post("/", [this](const auto& request, auto& response) { Take(request, response); });
    server.Get("/control/(log|chats|summary|faults)", [this](const auto& request, auto& response) {
      const std::lock_guard lock(mutex_);
      response.set_content(Show(request).ToJson(), kJson);
    });
    server.Post("/control/([a-z]+)", [this](const auto& request, auto& response) {
      const Result<Tree> values = ParseJson(request.body);
      const std::lock_guard lock(mutex_);
      response.status = values && Control(request.matches[1].str(), *values) ? 200 : 400;
      response.set_content("{}", kJson);
    });
  }

  bool Start(int port) { return server_.Start(port); }
  std::string Url() const { return server_.Url(); }

 private:
  void Take(const httplib::Request& request, httplib::Response& response) {
    std::chrono::milliseconds delay{0};
    {
      const std::lock_guard lock(mutex_);
      delay = std::chrono::milliseconds(delay_ms_);
      Seen seen;
      seen.at_ms = NowMs();
      seen.call = Read(request, response);
      if (seen.call) delay += Answer(seen, response);
      log_.push_back(std::move(seen));
    }
    std::this_thread::sleep_for(delay);
  }

  // None: `response` says why.
  std::optional<Call> Read(const httplib::Request& request, httplib::Response& response) {
    const std::string id = request.get_header_value("webhook-id");
    const std::string timestamp = request.get_header_value("webhook-timestamp");
    const std::int64_t age = NowMs() / 1000 - stand_in::NumberOf(timestamp).value_or(0);
    if (!secret_.empty() && (age > kTolerance || age < -kTolerance ||
                             !Verifies(request.get_header_value("webhook-signature"), secret_, id,
                                       timestamp, request.body))) {
      book_.Complain(id + " has no right signature of this time");
      response.status = 401;
      return std::nullopt;
    }
    const Result<Tree> body = ParseJson(request.body);
    std::optional<Call> call = body ? Call::Of(*body, id) : std::nullopt;
    if (!call) {
      book_.Complain(id + " is no call");
      response.status = 400;
    }
    return call;
  }

  // Returns how long the answer waits.
  std::chrono::milliseconds Answer(Seen& seen, httplib::Response& response) {
    const Call& call = *seen.call;
    book_.Arrive(call);
    seen.repeat = book_.Knows(call.webhook_id);
    std::optional<Fault> fault = faults_.Take(call.type);
    if (fault) seen.fault = fault->mode;
    const bool refused = fault && IsRefusal(*fault);
    if (fault && !refused && !IsCarriedOut(*fault, response)) {
      seen.status = fault->mode == "down" ? 0 : response.status;
      return {};
    }
    const Outcome outcome = book_.Carry(call, refused ? fault : std::nullopt);
    seen.status = outcome.status;
    if (!fault || refused) {
      Give(outcome, response);
      return {};
    }
    SpoilAnswer(*fault, outcome, response);
    if (fault->mode == "drop_after" || fault->mode == "cut") seen.status = 0;
    return std::chrono::milliseconds(fault->mode == "slow" ? fault->delay_ms : 0);
  }

  PhpValue Show(const httplib::Request& request) const {
    const std::string what = request.matches[1].str();
    if (what == "chats") return book_.DescribeChats();
    if (what == "summary") return book_.DescribeSummary();
    if (what == "faults") return faults_.Describe();
    PhpValue list = PhpValue::Map();
    const std::int64_t from = stand_in::NumberOf(request.get_param_value("from")).value_or(0);
    for (std::size_t i = static_cast<std::size_t>(from); i < log_.size(); ++i) {
      list.Append(Describe(log_[i]));
    }
    return list;
  }

  static PhpValue Describe(const Seen& seen) {
    const Call call = seen.call.value_or(Call());
    return PhpValue::Map({{"webhook_id", call.webhook_id},
                          {"type", call.type},
                          {"portal", call.portal},
                          {"line", call.line},
                          {"chat", call.chat},
                          {"message_id", call.message_id},
                          {"im_message_id", call.im_message_id},
                          {"text", call.text},
                          {"status", seen.status},
                          {"fault", seen.fault},
                          {"repeat", seen.repeat},
                          {"at_ms", seen.at_ms}});
  }

  // False: there is no such control, or a value is wrong.
  bool Control(const std::string& name, const Tree& values) {
    if (name == "fault") {
      Fault fault;
      fault.mode = stand_in::Text(values, "mode");
      fault.type = stand_in::Text(values, "type");
      fault.count = static_cast<int>(stand_in::Number(values, "count", 1));
      fault.skip = static_cast<int>(stand_in::Number(values, "skip", 0));
      fault.share = std::atof(stand_in::Text(values, "share", "0").c_str());
      fault.delay_ms = static_cast<int>(stand_in::Number(values, "delay_ms", 0));
      fault.retry_after = static_cast<int>(stand_in::Number(values, "retry_after", 0));
      return faults_.Plan(std::move(fault));
    }
    if (name == "clear") {
      faults_.Clear();
    } else if (name == "setting") {
      Book::Settings& settings = book_.settings;
      settings.ids = static_cast<int>(stand_in::Number(values, "ids", settings.ids));
      settings.late_ids = stand_in::Flag(values, "late_ids", settings.late_ids);
      delay_ms_ = stand_in::Number(values, "delay_ms", delay_ms_);
    } else if (name == "incoming") {
      Call place;
      place.portal = stand_in::Text(values, "portal");
      place.connector = stand_in::Text(values, "connector");
      place.line = stand_in::Text(values, "line");
      place.chat = stand_in::Text(values, "chat");
      book_.Receive(place, stand_in::Text(values, "id"));
    } else {
      return false;
    }
    return true;
  }

  const std::string secret_;
  std::mutex mutex_;
  Book book_;
  Faults faults_;
  std::int64_t delay_ms_ = 0;
  std::vector<Seen> log_;
  LoopbackServer server_;  // last: its threads use the rest
};

Service::Service(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Service::~Service() = default;

std::unique_ptr<Service> Service::Start(const Options& options) {
  auto impl = std::make_unique<Impl>(options);
  if (!impl->Start(options.port)) return nullptr;
  return std::unique_ptr<Service>(new Service(std::move(impl)));
}

std::string Service::Url() const { return impl_->Url(); }

}  // namespace imrelay::channel_service
