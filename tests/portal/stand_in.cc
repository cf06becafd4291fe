#include "tests/portal/stand_in.h"

#include <httplib.h>

#include <map>
#include <mutex>
#include <utility>

#include "codec/json.h"
#include "codec/tree.h"
#include "tests/portal/loopback_server.h"

namespace imrelay {
namespace {

struct Answer {
  int status = 200;
  std::string body;
};

Answer ErrorAnswer(int status, const char* error, const char* description) {
  JsonWriter json;
  json.BeginObject();
  json.Key("error").String(error);
  json.Key("error_description").String(description);
  json.EndObject();
  return {status, json.Take()};
}

Tree BodyOf(const httplib::Request& request) {
  Result<Tree> tree = ParseJson(request.body);
  return tree ? *std::move(tree) : Tree();
}

std::string TextOf(const Tree& tree, std::string_view key, std::string otherwise = {}) {
  const std::string* text = tree.FindText(key);
  return text == nullptr ? std::move(otherwise) : *text;
}

// cpp-httplib has no way to end a connection without a word; a promised body that never comes is
// the same to the caller: the answer is lost.
void CutAnswer(httplib::Response& response) {
  response.set_content_provider(1, "application/json",
                                [](std::size_t, std::size_t, httplib::DataSink&) { return false; });
}

}  // namespace

class StandIn::Impl {
 public:
  explicit Impl(Options options) : options_(std::move(options)) {}

  bool Start() {
    httplib::Server& server = http_.server();
    const auto token = [this](const auto& request, auto& response) {
      Serve("token", request, response,
            [&](std::string& secret) { return Token(request, secret); });
    };
    server.Post("/oauth/token/?", token);
    server.Get("/oauth/token/?", token);
    server.Post(R"(/rest/app\.info(\.json)?/?)", [this](const auto& request, auto& response) {
      Serve("app.info", request, response, [&](std::string&) { return AppInfo(request); });
    });
    server.Post(R"(/rest/profile(\.json)?/?)", [this](const auto& request, auto& response) {
      Serve("profile", request, response, [&](std::string&) { return Profile(request); });
    });
    AddControl(server);
    return http_.Start(options_.port);
  }

  std::string Url() const { return http_.Url(); }

  TokenPair Issue(TokenHolder holder) {
    const std::lock_guard lock(mutex_);
    return ledger_.Issue(std::move(holder));
  }

  void ExpireAccess(const std::string& member_id) {
    const std::lock_guard lock(mutex_);
    ledger_.ExpireAccess(member_id);
  }

  void SetFault(const std::string& endpoint, Fault fault, int count) {
    const std::lock_guard lock(mutex_);
    faults_[endpoint] = {fault, count};
  }

  std::vector<Request> Seen() const {
    const std::lock_guard lock(mutex_);
    return seen_;
  }

 private:
  struct PlannedFault {
    Fault fault = Fault::kNone;
    int count = 0;
  };

  void AddControl(httplib::Server& server) {
    server.Post("/control/issue", [this](const auto& request, auto& response) {
      const Tree body = BodyOf(request);
      TokenHolder holder;
      holder.member_id = TextOf(body, "member_id");
      holder.application_token = TextOf(body, "application_token");
      holder.scope = TextOf(body, "scope", "imconnector,imopenlines");
      holder.admin = TextOf(body, "admin", "1") != "0";
      if (holder.member_id.empty()) {
        response.status = 400;
        return;
      }
      response.set_content(PairToJson(Issue(std::move(holder)), true), "application/json");
    });
    server.Post("/control/expire", [this](const auto& request, auto& response) {
      ExpireAccess(TextOf(BodyOf(request), "member_id"));
      response.set_content("{}", "application/json");
    });
    server.Post("/control/fault", [this](const auto& request, auto& response) {
      const Tree body = BodyOf(request);
      const std::optional<Fault> fault = FaultOf(TextOf(body, "mode"));
      const std::string endpoint = TextOf(body, "endpoint");
      const std::string count = TextOf(body, "count", "1");
      if (!fault || endpoint.empty() || count.find_first_not_of("0123456789") != count.npos ||
          count.size() > 6) {
        response.status = 400;
        return;
      }
      SetFault(endpoint, *fault, std::atoi(count.c_str()));
      response.set_content("{}", "application/json");
    });
    server.Get("/control/log", [this](const auto&, auto& response) {
      response.set_content(LogToJson(), "application/json");
    });
  }

  Fault TakeFault(const char* endpoint) {
    const auto planned = faults_.find(endpoint);
    if (planned == faults_.end() || planned->second.count <= 0) return Fault::kNone;
    --planned->second.count;
    return planned->second.fault;
  }

  // Carries a call out, or spoils it as SetFault() asked; either way it is in the log.
  template <class Handler>
  void Serve(const char* endpoint, const httplib::Request& request, httplib::Response& response,
             Handler handler) {
    const std::lock_guard lock(mutex_);
    Request seen{request.method, request.path, {}, 0};
    Answer answer;
    const Fault fault = TakeFault(endpoint);
    if (fault == Fault::kHttp500) {
      answer = {500, "<html><body>Internal Server Error</body></html>"};
    } else if (fault == Fault::kInvalidGrant) {
      answer = ErrorAnswer(400, "invalid_grant", "Invalid grant");
    } else if (fault != Fault::kDown) {
      answer = handler(seen.secret);
    }
    if (fault == Fault::kDown || fault == Fault::kDropAfter) {
      CutAnswer(response);
    } else {
      seen.status = response.status = answer.status;
      response.set_content(answer.body,
                           fault == Fault::kHttp500 ? "text/html" : "application/json");
    }
    seen_.push_back(std::move(seen));
  }

  // Errors as bitrix24/b24restdocs, settings/oauth/error-codes.md names them.
  Answer Token(const httplib::Request& request, std::string& secret) {
    const bool right = request.get_param_value("client_id") == options_.client_id &&
                       request.get_param_value("client_secret") == options_.client_secret;
    secret = right ? "right" : "wrong";
    if (!right) return ErrorAnswer(401, "invalid_client", "Invalid client");
    if (request.get_param_value("grant_type") != "refresh_token") {
      return ErrorAnswer(400, "invalid_request", "Unsupported grant_type");
    }
    const std::optional<TokenPair> pair = ledger_.Refresh(request.get_param_value("refresh_token"));
    if (!pair) return ErrorAnswer(400, "invalid_grant", "Invalid grant");
    return {200, PairToJson(*pair, false)};
  }

  // Refuses a token that does not work; none when it does.
  std::optional<Answer> CheckAccess(const std::string& token) const {
    if (token.empty()) return ErrorAnswer(401, "NO_AUTH_FOUND", "Wrong authorization data");
    switch (ledger_.Check(token)) {
      case TokenLedger::Access::kUnknown:
        return ErrorAnswer(401, "invalid_token", "Unable to get application by token");
      case TokenLedger::Access::kExpired:
        return ErrorAnswer(401, "expired_token", "The access token provided has expired.");
      case TokenLedger::Access::kValid:
        break;
    }
    return std::nullopt;
  }

  // The shape that bitrix24/b24pysdk and the vendor's own starter kits read.
  Answer AppInfo(const httplib::Request& request) const {
    const std::string token = TextOf(BodyOf(request), "auth");
    if (std::optional<Answer> refused = CheckAccess(token)) return *std::move(refused);
    const TokenHolder& holder = ledger_.HolderOf(token);
    JsonWriter json;
    json.BeginObject().Key("result").BeginObject();
    json.Key("client_id").String(options_.client_id);
    json.Key("install").BeginObject();
    json.Key("installed").Bool(true);
    json.Key("status").String("L");
    json.Key("scope").String(holder.scope);
    json.Key("domain").String(Domain());
    json.Key("uri").String(Url());
    json.Key("member_id").String(holder.member_id);
    json.EndObject().EndObject().EndObject();
    return {200, json.Take()};
  }

  Answer Profile(const httplib::Request& request) const {
    const std::string token = TextOf(BodyOf(request), "auth");
    if (std::optional<Answer> refused = CheckAccess(token)) return *std::move(refused);
    const TokenHolder& holder = ledger_.HolderOf(token);
    JsonWriter json;
    json.BeginObject().Key("result").BeginObject();
    json.Key("ID").String(std::to_string(holder.user_id));
    json.Key("ADMIN").Bool(holder.admin);
    json.Key("NAME").String("Test");
    json.EndObject().EndObject();
    return {200, json.Take()};
  }

  std::string Domain() const { return "127.0.0.1:" + std::to_string(http_.port()); }

  // What the token endpoint answers; an event's `auth` also has the application_token.
  std::string PairToJson(const TokenPair& pair, bool with_application_token) const {
    JsonWriter json;
    json.BeginObject();
    json.Key("access_token").String(pair.access_token);
    json.Key("expires").Integer(pair.expires);
    json.Key("expires_in").Integer(3600);
    json.Key("scope").String(pair.holder.scope);
    json.Key("domain").String(Domain());
    json.Key("server_endpoint").String(Url() + "/rest/");
    json.Key("status").String("L");
    json.Key("client_endpoint").String(Url() + "/rest/");
    json.Key("member_id").String(pair.holder.member_id);
    json.Key("user_id").Integer(pair.holder.user_id);
    json.Key("refresh_token").String(pair.refresh_token);
    if (with_application_token) {
      json.Key("application_token").String(pair.holder.application_token);
    }
    json.EndObject();
    return json.Take();
  }

  std::string LogToJson() const {
    JsonWriter json;
    json.BeginArray();
    for (const Request& request : Seen()) {
      json.BeginObject();
      json.Key("method").String(request.method);
      json.Key("path").String(request.path);
      json.Key("secret").String(request.secret);
      json.Key("status").Integer(request.status);
      json.EndObject();
    }
    json.EndArray();
    return json.Take();
  }

  const Options options_;
  mutable std::mutex mutex_;
  TokenLedger ledger_;
  std::map<std::string, PlannedFault> faults_;
  std::vector<Request> seen_;
  LoopbackServer http_;  // last: its threads use everything above
};

StandIn::StandIn(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
StandIn::~StandIn() = default;

std::unique_ptr<StandIn> StandIn::Start(const Options& options) {
  auto impl = std::make_unique<Impl>(options);
  if (!impl->Start()) return nullptr;
  return std::unique_ptr<StandIn>(new StandIn(std::move(impl)));
}

std::string StandIn::Url() const { return impl_->Url(); }
std::string StandIn::ClientEndpoint() const { return impl_->Url() + "/rest/"; }
TokenPair StandIn::Issue(TokenHolder holder) { return impl_->Issue(std::move(holder)); }
void StandIn::ExpireAccess(const std::string& member_id) { impl_->ExpireAccess(member_id); }
void StandIn::SetFault(const std::string& endpoint, Fault fault, int count) {
  impl_->SetFault(endpoint, fault, count);
}
std::vector<StandIn::Request> StandIn::Seen() const { return impl_->Seen(); }

std::optional<StandIn::Fault> StandIn::FaultOf(std::string_view name) {
  if (name == "none") return Fault::kNone;
  if (name == "down") return Fault::kDown;
  if (name == "drop_after") return Fault::kDropAfter;
  if (name == "http500") return Fault::kHttp500;
  if (name == "invalid_grant") return Fault::kInvalidGrant;
  return std::nullopt;
}

}  // namespace imrelay
