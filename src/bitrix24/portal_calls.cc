#include "bitrix24/portal_calls.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "bitrix24/answer.h"
#include "bitrix24/endpoint.h"
#include "codec/json.h"
#include "codec/tree.h"

namespace imrelay {
namespace {

bool IsYes(std::string_view text) {
  constexpr std::array<std::string_view, 4> kYes = {"1", "true", "Y", "y"};
  return std::find(kYes.begin(), kYes.end(), text) != kYes.end();
}

}  // namespace

PortalCalls::PortalCalls(HttpClient& http) : http_(http) {}

Result<bool> PortalCalls::IsAdministrator(const std::string& client_endpoint,
                                          const Secret& access_token) {
  const std::optional<Endpoint> endpoint = ParseEndpoint(client_endpoint);
  if (!endpoint) {
    return Fail(ErrorCode::kUnauthenticated, "not the address of a portal", "address_refused");
  }
  JsonWriter json;
  json.BeginObject().Key("auth").String(access_token.Reveal()).EndObject();
  HttpRequest request;
  request.url = endpoint->Url() + (endpoint->path.ends_with('/') ? "profile" : "/profile");
  request.headers = {{"Content-Type", "application/json"}};
  request.body = json.Take();
  const Result<HttpResponse> response = http_.Send(request);
  if (!response) {
    const bool refused = response.error().code == ErrorCode::kInvalidArgument;
    return Fail(refused ? ErrorCode::kUnauthenticated : ErrorCode::kUnavailable,
                response.error().message, response.error().reason);
  }
  const Result<Tree> answer = ReadAnswer(*response);
  if (!answer) return Fail(answer.error());
  const Tree* profile = answer->Find("result");
  if (profile == nullptr || profile->items().empty()) {
    return Fail(ErrorCode::kUnavailable, "a profile without a result", "broken_answer");
  }
  const std::string* admin = profile->FindText("ADMIN");
  return admin != nullptr && IsYes(*admin);
}

}  // namespace imrelay
