#include "tests/portal/serve.h"

#include <httplib.h>

#include <chrono>
#include <functional>
#include <thread>
#include <utility>

#include "codec/form.h"
#include "codec/json.h"
#include "tests/portal/authorization.h"
#include "tests/portal/control.h"
#include "tests/portal/parameters.h"
#include "tests/portal/rest.h"

namespace imrelay::stand_in {
namespace {

constexpr const char* kJson = "application/json; charset=utf-8";

// What a fault may spoil: a call's answer, made while the cloud is held.
using Work = std::function<Reply(SeenCall& seen)>;

// A POST handler that is given the body whole. cpp-httplib reads forms up to 8 KiB only where it
// reads the body itself.
using Handler =
    std::function<void(const httplib::Request&, const std::string& body, httplib::Response&)>;

void Accept(httplib::Server& server, const std::string& path, const Handler& handler) {
  server.Post(path, [handler](const httplib::Request& request, httplib::Response& response,
                              const httplib::ContentReader& read) {
    std::string body;
    if (request.has_header("Content-Length")) {
      read([&](const char* data, std::size_t size) {
        body.append(data, size);
        return body.size() <= kMaxBodyBytes;
      });
    }
    handler(request, body, response);
  });
  server.Get(path, [handler](const httplib::Request& request, httplib::Response& response) {
    handler(request, {}, response);
  });
}

// The parameters of a query and a body, JSON or form; the body's count.
Tree ParametersOf(const httplib::Request& request, const std::string& body) {
  const std::size_t mark = request.target.find('?');
  Result<Tree> query =
      ParseForm(mark == std::string::npos ? std::string_view()
                                          : std::string_view(request.target).substr(mark + 1));
  Tree parameters = query ? *std::move(query) : Tree();
  const bool json = request.get_header_value("Content-Type").find("json") != std::string::npos;
  const Result<Tree> posted = json ? ParseJson(body) : ParseForm(body);
  if (!posted) return parameters;
  for (const auto& [key, value] : posted->items()) parameters.Set(key, value);
  return parameters;
}

// cpp-httplib has no way to end a connection without a word; a promised body that does not come
// whole is the same to the caller: the answer is lost.
void CutAnswer(httplib::Response& response, std::string part) {
  const std::size_t promised = 2 * part.size() + 1;
  response.set_content_provider(promised, "application/json",
                                [part = std::move(part), sent = false](
                                    std::size_t, std::size_t, httplib::DataSink& sink) mutable {
                                  if (sent || part.empty()) return false;
                                  sent = true;
                                  return sink.write(part.data(), part.size());
                                });
}

Reply ErrorOf(const PlannedFault& fault) {
  Reply reply = Refuse(fault.status, fault.error, fault.description);
  if (fault.error == "OPERATION_TIME_LIMIT") {
    reply.body.Set("time", PhpValue::Map({{"operating_reset_at", UnixNow() + fault.reset_after},
                                          {"operating", 480.0}}));
  }
  return reply;
}

std::string WordOf(const Reply& reply) {
  const PhpValue* error = reply.body.Find("error");
  return error == nullptr ? std::string() : error->Text();
}

void Give(const Reply& reply, httplib::Response& response) {
  response.status = reply.status;
  if (reply.location.empty()) {
    response.set_content(reply.body.ToJson(), kJson);
  } else {
    response.set_header("Location", reply.location);
    response.set_content("<html><body>Found</body></html>", "text/html");
  }
}

void GiveHtml(int status, httplib::Response& response) {
  response.status = status;
  response.set_content("<html><body>Internal Server Error</body></html>", "text/html");
}

// Spoils a call; `work` is done or left undone as the mode says.
void Spoil(const PlannedFault& fault, SeenCall& seen, const Work& work,
           httplib::Response& response) {
  const std::string& mode = fault.mode;
  seen.fault = mode;
  if (mode == "down") return CutAnswer(response, {});
  if (mode == "http500" || mode == "html") {
    GiveHtml(mode == "html" && fault.status != 200 ? fault.status : 500, response);
  } else if (mode == "error") {
    const Reply reply = ErrorOf(fault);
    seen.error = WordOf(reply);
    if (fault.retry_after > 0) {
      response.set_header("Retry-After", std::to_string(fault.retry_after));
    }
    Give(reply, response);
  } else if (mode == "redirect") {
    Give(Reply{fault.status == 200 ? 302 : fault.status, PhpValue(), fault.location}, response);
  } else if (mode == "empty") {
    response.set_content("", kJson);
  } else {
    const Reply reply = work(seen);
    seen.error = WordOf(reply);
    const std::string body = reply.body.ToJson();
    if (mode == "drop_after") return CutAnswer(response, {});
    if (mode == "cut") return CutAnswer(response, body.substr(0, body.size() / 2));
    Give(reply, response);
  }
  seen.status = response.status;
}

// Carries a call out, or spoils it; either way it is in the log.
void Carry(Cloud& cloud, SeenCall seen, const std::vector<std::string>& endpoints, const Work& work,
           httplib::Response& response) {
  std::chrono::milliseconds delay{0};
  {
    const std::lock_guard lock(cloud.mutex);
    const std::optional<PlannedFault> fault = cloud.faults.Take(endpoints, seen.member_id);
    if (fault) {
      Spoil(*fault, seen, work, response);
      if (fault->mode == "slow") delay = std::chrono::milliseconds(fault->delay_ms);
    } else {
      const Reply reply = work(seen);
      seen.error = WordOf(reply);
      seen.status = reply.status;
      Give(reply, response);
    }
    cloud.seen.push_back(std::move(seen));
  }
  std::this_thread::sleep_for(delay);
}

std::string TokenOf(const httplib::Request& request, const Tree& parameters) {
  for (const char* name : {"auth", "access_token"}) {
    if (const std::string token = Text(parameters, name); !token.empty()) return token;
  }
  const std::string header = request.get_header_value("Authorization");
  return header.starts_with("Bearer ") ? header.substr(7) : std::string();
}

void ServeMethod(Cloud& cloud, const httplib::Request& request, const std::string& body,
                 httplib::Response& response) {
  RestCall call;
  call.method = request.matches[1].str();
  if (call.method.ends_with(".json")) call.method.resize(call.method.size() - 5);
  call.parameters = ParametersOf(request, body);
  call.token = TokenOf(request, call.parameters);
  call.host = request.get_header_value("Host");
  call.target = request.target;
  SeenCall seen{request.method, request.path, {}, 0};
  seen.rest_method = ToLower(call.method);
  {
    const std::lock_guard lock(cloud.mutex);
    seen.member_id = MemberIdOf(cloud, call);
  }
  // "app.info" is the authorization server's.
  const std::string endpoint =
      seen.rest_method == "app.info" ? "portal.app.info" : seen.rest_method;
  Carry(
      cloud, std::move(seen), {endpoint, "rest"},
      [&](SeenCall&) { return AnswerCall(cloud, call); }, response);
}

void GiveControl(const Reply& reply, httplib::Response& response) {
  response.status = reply.status;
  const bool nothing = reply.body.items().empty();
  response.set_content(nothing ? "{}" : reply.body.ToJson(), "application/json");
}

}  // namespace

void ServeAuthorization(Cloud& cloud, httplib::Server& server) {
  Accept(server, "/oauth/token/?", [&cloud](const auto& request, const auto& body, auto& response) {
    const Tree parameters = ParametersOf(request, body);
    SeenCall seen{request.method, request.path, {}, 0};
    {
      const std::lock_guard lock(cloud.mutex);
      const TokenHolder* holder = cloud.ledger.FindRefresh(Text(parameters, "refresh_token"));
      if (holder != nullptr) seen.member_id = holder->member_id;
    }
    Carry(
        cloud, std::move(seen), {"token"},
        [&](SeenCall& own) { return RefreshTokens(cloud, parameters, own.secret, own.member_id); },
        response);
  });
  Accept(server, R"(/rest/app\.info(\.json)?/?)",
         [&cloud](const auto& request, const auto& body, auto& response) {
           const std::string token = TokenOf(request, ParametersOf(request, body));
           Carry(
               cloud, {request.method, request.path, {}, 0}, {"app.info"},
               [&](SeenCall&) { return TokenInfo(cloud, token); }, response);
         });
}

void ServePortals(Cloud& cloud, httplib::Server& server) {
  Accept(server, R"(/rest/([A-Za-z0-9_.]+)/?)",
         [&cloud](const auto& request, const auto& body, auto& response) {
           ServeMethod(cloud, request, body, response);
         });
}

void ServeControl(Cloud& cloud, httplib::Server& server) {
  server.Get("/control/log", [&cloud](const auto&, auto& response) {
    const std::lock_guard lock(cloud.mutex);
    response.set_content(DescribeLog(cloud).ToJson(), "application/json");
  });
  server.Get("/control/faults", [&cloud](const auto&, auto& response) {
    const std::lock_guard lock(cloud.mutex);
    response.set_content(cloud.faults.Describe().ToJson(), "application/json");
  });
  server.Get("/control/events", [&cloud](const auto& request, auto& response) {
    const bool only_failed = request.has_param("failed");
    response.set_content(cloud.sender.Sent(only_failed).ToJson(), "application/json");
  });
  server.Get("/control/handlers", [&cloud](const auto&, auto& response) {
    response.set_content(cloud.sender.Handlers().ToJson(), "application/json");
  });
  server.Get("/control/portal", [&cloud](const auto& request, auto& response) {
    const std::lock_guard lock(cloud.mutex);
    GiveControl(DescribePortal(cloud, request.get_param_value("member_id")), response);
  });
  server.Post("/control/([a-z-]+)", [&cloud](const auto& request, auto& response) {
    const Result<Tree> values = ParseJson(request.body);
    if (!values) return GiveControl(Refuse(400, "bad_json", "The body is no JSON"), response);
    const std::lock_guard lock(cloud.mutex);
    GiveControl(Control(cloud, request.matches[1].str(), *values), response);
  });
}

}  // namespace imrelay::stand_in
