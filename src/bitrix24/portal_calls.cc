#include "bitrix24/portal_calls.h"

#include <charconv>
#include <optional>
#include <string_view>

#include "bitrix24/answer.h"
#include "bitrix24/endpoint.h"
#include "codec/json.h"

namespace imrelay {
namespace {

// Part of the address, so nothing may be in it that changes its meaning there.
bool IsMethod(std::string_view name) {
  constexpr std::size_t kLongestMethod = 100;
  return !name.empty() && name.size() <= kLongestMethod && name.front() != '.' &&
         name.find("..") == name.npos &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789._") == name.npos;
}

// `parameters` with the token in front; none when they are no JSON object.
std::optional<std::string> WithToken(const std::string& parameters, const Secret& access_token) {
  if (!parameters.starts_with('{') || !parameters.ends_with('}')) return std::nullopt;
  JsonWriter json;
  json.BeginObject().Key("auth").String(access_token.Reveal()).EndObject();
  std::string body = json.Take();
  const std::string_view inner = std::string_view(parameters).substr(1);
  if (inner == "}") return body;
  body.back() = ',';
  return body.append(inner);
}

CallError NotSent(const Error& error) {
  if (error.code == ErrorCode::kUnavailable) return {Fault::kLater, "no_answer", error.message};
  CallError refused{Fault::kForbidden, error.reason.empty() ? "address_refused" : error.reason,
                    error.message};
  refused.unsent = true;
  return refused;
}

}  // namespace

PortalCalls::PortalCalls(HttpClient& http, const Clock& clock) : http_(http), clock_(clock) {}

CallResult PortalCalls::Send(const std::string& client_endpoint, const Secret& access_token,
                             const Call& call) {
  const std::optional<Endpoint> endpoint = ParseEndpoint(client_endpoint);
  if (!endpoint) {
    CallError refused{Fault::kForbidden, "address_refused", "not the address of a portal"};
    refused.unsent = true;
    return FailCall(std::move(refused));
  }
  if (!IsMethod(call.method)) {
    return FailCall({Fault::kPermanent, "bad_method", "not the name of a method"});
  }
  std::optional<std::string> body = WithToken(call.parameters, access_token);
  if (!body) {
    return FailCall({Fault::kPermanent, "bad_parameters", "parameters that are no JSON object"});
  }
  HttpRequest request;
  request.url = endpoint->Url() + (endpoint->path.ends_with('/') ? "" : "/") + call.method;
  request.headers = {{"Content-Type", "application/json"}};
  request.body = *std::move(body);
  const Result<HttpResponse> response = http_.Send(request);
  if (!response) return FailCall(NotSent(response.error()));
  return ReadPortalAnswer(*response, clock_.Now());
}

CallResultOf<TokenUser> PortalCalls::Profile(const std::string& client_endpoint,
                                             const Secret& access_token) {
  CallResult answer = Send(client_endpoint, access_token, {"profile"});
  if (!answer) return FailCall(std::move(answer).error());
  const Tree* profile = answer->Find("result");
  if (profile == nullptr || profile->items().empty()) {
    return FailCall({Fault::kLater, "broken_answer", "a profile without a result"});
  }
  TokenUser user;
  if (const std::string* id = profile->FindText("ID")) {
    std::from_chars(id->data(), id->data() + id->size(), user.user_id);
  }
  const std::string* admin = profile->FindText("ADMIN");
  user.administrator = admin != nullptr && IsYes(*admin);
  return user;
}

}  // namespace imrelay
