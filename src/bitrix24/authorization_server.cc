#include "bitrix24/authorization_server.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <functional>
#include <string_view>
#include <utility>

#include "bitrix24/answer.h"
#include "bitrix24/endpoint.h"
#include "codec/json.h"
#include "codec/tree.h"

namespace imrelay {
namespace {

void AppendField(std::string& form, std::string_view name, std::string_view value) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  if (!form.empty()) form.push_back('&');
  form.append(name).push_back('=');
  for (const char c : value) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      form.push_back(c);
    } else {
      const auto byte = static_cast<unsigned char>(c);
      form.append({'%', kHex[byte >> 4], kHex[byte & 15]});
    }
  }
}

std::string TextOf(const Tree& tree, std::string_view key) {
  const std::string* text = tree.FindText(key);
  return text == nullptr ? std::string() : *text;
}

std::optional<std::int64_t> NumberOf(const Tree& tree, std::string_view key) {
  const std::string* text = tree.FindText(key);
  if (text == nullptr) return std::nullopt;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return number;
}

// Longer than other calls, because an answer that comes too late costs a re-opening of the
// application; for all servers together, because a worker that is told to stop waits for it.
constexpr std::chrono::seconds kRefreshTimeout{10};
constexpr std::chrono::seconds kLeastTimeout{1};

std::chrono::milliseconds TimeUntil(std::chrono::steady_clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      deadline - std::chrono::steady_clock::now());
  return std::max<std::chrono::milliseconds>(left, kLeastTimeout);
}

// POST keeps the secrets out of addresses and so out of the logs on the way. The documentation
// shows GET only, so that is what a server gets which knows no POST.
Result<HttpResponse> SendRefresh(HttpClient& http, const std::string& base, const std::string& form,
                                 std::chrono::milliseconds timeout) {
  HttpRequest request;
  request.url = base + "/oauth/token/";
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
  request.body = form;
  request.at_most_once = true;  // a refresh token works once
  request.timeout = timeout;
  Result<HttpResponse> response = http.Send(request);
  if (!response || response->status != 405) return response;
  request.method = "GET";
  request.url += '?' + form;
  request.headers.clear();
  request.body.clear();
  return http.Send(request);
}

Result<Tree> Read(const Result<HttpResponse>& response) {
  if (!response) {
    if (response.error().code != ErrorCode::kInvalidArgument) return Fail(response.error());
    // The servers are of our configuration.
    return Fail(ErrorCode::kInternal, response.error().message, response.error().reason);
  }
  Result<Tree> answer = ReadAnswer(*response);
  if (!answer &&
      (answer.error().reason == "invalid_client" || answer.error().reason == "wrong_client")) {
    return Fail(ErrorCode::kInternal, answer.error().message, answer.error().reason);
  }
  return answer;
}

tl::unexpected<Error> Broken(const char* missing) {
  return Fail(ErrorCode::kUnavailable, std::string("an answer without ") + missing,
              "broken_answer");
}

Result<TokenGrant> ReadGrant(const Tree& answer) {
  TokenGrant grant;
  grant.member_id = MemberId(TextOf(answer, "member_id"));
  grant.client_endpoint = TextOf(answer, "client_endpoint");
  grant.scope = TextOf(answer, "scope");
  grant.access_token = Secret(TextOf(answer, "access_token"));
  grant.refresh_token = Secret(TextOf(answer, "refresh_token"));
  grant.expires = NumberOf(answer, "expires");
  if (grant.access_token.empty()) return Broken("access_token");
  if (grant.refresh_token.empty()) return Broken("refresh_token");
  if (grant.member_id.value().empty()) return Broken("member_id");
  if (!ParseEndpoint(grant.client_endpoint)) return Broken("a usable client_endpoint");
  return grant;
}

Result<TokenOwner> ReadOwner(const Tree& answer) {
  const Tree* result = answer.Find("result");
  const Tree* install = result == nullptr ? nullptr : result->Find("install");
  const std::string* url = install == nullptr ? nullptr : install->FindText("uri");
  if (url == nullptr) return Broken("install.uri");
  TokenOwner owner;
  owner.portal_url = *url;
  const std::string* member_id = install->FindText("member_id");
  if (member_id == nullptr) member_id = result->FindText("member_id");
  if (member_id != nullptr) owner.member_id = MemberId(*member_id);
  if (const std::string* client_id = result->FindText("client_id")) owner.client_id = *client_id;
  return owner;
}

// What the failures of several servers come to. A server that is away may be the one that knows the
// token; one that does not even know our application says nothing about it, and one that does not
// know the token calls it invalid.
int Weight(const Error& failure) {
  if (failure.code == ErrorCode::kUnavailable) return 4;
  if (failure.code != ErrorCode::kUnauthenticated) return 0;
  if (failure.reason == "payment_required") return 3;
  return failure.reason == "invalid_grant" ? 2 : 1;
}

template <class T>
Result<T> FirstSuccess(const std::vector<std::string>& servers,
                       const std::function<Result<T>(const std::string&)>& ask) {
  Error failure{ErrorCode::kInternal, "no authorization server is configured", "not_configured"};
  bool first = true;
  for (const std::string& server : servers) {
    Result<T> answer = ask(server);
    if (answer) return answer;
    if (first || Weight(answer.error()) > Weight(failure)) {
      failure = std::move(answer).error();
    }
    first = false;
  }
  return Fail(std::move(failure));
}

}  // namespace

AuthorizationServer::AuthorizationServer(HttpClient& http, std::vector<std::string> base_urls)
    : http_(http), base_urls_(std::move(base_urls)) {
  for (std::string& url : base_urls_) {
    while (url.ends_with('/')) url.pop_back();
  }
}

std::vector<std::string> AuthorizationServer::InOrder(const std::string& hint) const {
  std::vector<std::string> servers = base_urls_;
  const std::optional<Endpoint> hinted = ParseEndpoint(hint);
  if (!hinted) return servers;
  // Only the order comes from outside: what is asked is always one of ours.
  std::stable_partition(servers.begin(), servers.end(), [&](const std::string& server) {
    const std::optional<Endpoint> ours = ParseEndpoint(server);
    return ours && ours->Origin() == hinted->Origin();
  });
  return servers;
}

Result<TokenGrant> AuthorizationServer::Refresh(const ApplicationCredentials& application,
                                                const Secret& refresh_token,
                                                const std::string& hint) {
  if (application.client_id.empty() || application.client_secret.empty()) {
    return Fail(ErrorCode::kInternal, "bitrix24.client_id and client_secret are not configured",
                "not_configured");
  }
  std::string form;
  AppendField(form, "grant_type", "refresh_token");
  AppendField(form, "client_id", application.client_id);
  AppendField(form, "client_secret", application.client_secret.Reveal());
  AppendField(form, "refresh_token", refresh_token.Reveal());
  const auto deadline = std::chrono::steady_clock::now() + kRefreshTimeout;
  return FirstSuccess<TokenGrant>(
      InOrder(hint), [&](const std::string& base) -> Result<TokenGrant> {
        const auto left = TimeUntil(deadline);
        Result<Tree> answer = Read(SendRefresh(http_, base, form, left));
        if (!answer) return Fail(std::move(answer).error());
        Result<TokenGrant> grant = ReadGrant(*answer);
        if (grant) grant->server = base;
        return grant;
      });
}

Result<TokenOwner> AuthorizationServer::AppInfo(const Secret& access_token, const std::string& hint,
                                                std::chrono::milliseconds patience) {
  JsonWriter json;
  json.BeginObject().Key("auth").String(access_token.Reveal()).EndObject();
  HttpRequest request;
  request.headers = {{"Content-Type", "application/json"}};
  request.body = json.Take();
  const auto deadline = std::chrono::steady_clock::now() + patience;
  return FirstSuccess<TokenOwner>(
      InOrder(hint), [&](const std::string& base) -> Result<TokenOwner> {
        request.timeout = std::min(HttpRequest().timeout, TimeUntil(deadline));
        request.url = base + "/rest/app.info";
        Result<Tree> answer = Read(http_.Send(request));
        if (!answer) return Fail(std::move(answer).error());
        return ReadOwner(*answer);
      });
}

}  // namespace imrelay
