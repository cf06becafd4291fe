#pragma once

#include <doctest/doctest.h>
#include <httplib.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <fstream>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "codec/form.h"
#include "codec/json.h"
#include "http/client.h"
#include "tests/portal/loopback_server.h"
#include "tests/portal/php_value.h"
#include "tests/portal/stand_in.h"

namespace imrelay::stand_in {

// The handler of an application: keeps what is posted.
class EventHandler {
 public:
  EventHandler() {
    http_.server().Post("/event", [this](const httplib::Request& request, httplib::Response&) {
      const std::lock_guard lock(mutex_);
      bodies_.push_back(request.body);
      changed_.notify_all();
    });
    REQUIRE(http_.Start());
  }

  std::string Url() const { return http_.Url() + "/event"; }

  // All bodies, as soon as there are `count` of them.
  std::vector<std::string> Await(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(30), [&] { return bodies_.size() >= count; });
    REQUIRE(bodies_.size() >= count);
    return bodies_;
  }
  std::vector<std::string> names(std::size_t count) {
    std::vector<std::string> names;
    for (const std::string& body : Await(count)) {
      names.push_back(*ParseForm(body).value().FindText("event"));
    }
    return names;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> bodies_;
  LoopbackServer http_;
};

// A stand-in with one portal, m1, and an administrator's token for it.
struct PortalBench {
  PortalBench() {
    REQUIRE(portal);
    TokenHolder holder;
    holder.member_id = "m1";
    holder.scope = "im,imconnector,imopenlines";
    tokens = portal->Issue(holder);
  }

  struct RestAnswer {
    int status = 0;
    Tree body;
    std::string location;
    std::string text;

    std::string error() const {
      const std::string* word = body.FindText("error");
      return word == nullptr ? "" : *word;
    }
  };

  RestAnswer Send(const HttpRequest& request) {
    const Result<HttpResponse> response = client->Send(request);
    if (!response) return {};
    Result<Tree> tree = ParseJson(response->body);
    const auto location = response->headers.find("location");
    return {response->status, tree ? *std::move(tree) : Tree(),
            location == response->headers.end() ? "" : location->second, response->body};
  }
  // A REST call with `parameters`, the inside of a JSON object.
  RestAnswer Call(const std::string& method, const std::string& parameters = {}) {
    return CallAs(tokens.access_token, method, parameters);
  }
  RestAnswer CallAs(const std::string& token, const std::string& method,
                    const std::string& parameters = {}) {
    HttpRequest request;
    request.url = portal->ClientEndpoint() + method;
    request.headers = {{"Content-Type", "application/json"}};
    request.body =
        "{\"auth\":\"" + token + '"' + (parameters.empty() ? "" : ',' + parameters) + '}';
    return Send(request);
  }
  RestAnswer Refresh(const std::string& refresh_token, const std::string& secret = "demo-secret",
                     const std::string& client_id = "demo-client") {
    HttpRequest request;
    request.url = portal->Url() + "/oauth/token/";
    request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
    request.body = "grant_type=refresh_token&client_id=" + client_id + "&client_secret=" + secret +
                   "&refresh_token=" + refresh_token;
    request.at_most_once = true;
    return Send(request);
  }
  // A control call about m1 with `values`, the inside of a JSON object.
  Tree Control(const std::string& name, const std::string& values = {}) {
    return ParseJson(portal->Control(name, "{\"member_id\":\"m1\"" +
                                               (values.empty() ? "" : ',' + values) + '}'))
        .value();
  }
  void Bind(const std::string& event) {
    const RestAnswer answer =
        Call("event.bind", R"("event":")" + event + R"(","handler":")" + handler.Url() + '"');
    REQUIRE(answer.status == 200);
  }
  // Connector "myconnector" at work on line 107, its message events bound.
  void Connect() {
    Control("connector", R"("connector":"myconnector","line":107)");
    for (const char* event : {"ADD", "UPDATE", "DELETE"}) {
      Bind(std::string("OnImConnectorMessage") + event);
    }
  }
  // An operator's message; its id.
  std::string OperatorSends(const std::string& text, const std::string& more = {}) {
    const Tree answer =
        Control("send", R"("connector":"myconnector","line":107,"text":")" + text + '"' + more);
    REQUIRE(answer.FindText("message_id") != nullptr);
    return *answer.FindText("message_id");
  }
  RestAnswer Confirm(const std::string& message_id, const std::string& ids) {
    return Call("imconnector.send.status.delivery",
                R"("CONNECTOR":"myconnector","LINE":107,"MESSAGES":[{"im":{"chat_id":1807,)"
                R"("message_id":)" +
                    message_id + R"(},"message":{"id":)" + ids +
                    R"(},"chat":{"id":"channel-123"}}])");
  }

  EventHandler handler;
  std::unique_ptr<StandIn> portal = StandIn::Start({});
  std::unique_ptr<HttpClient> client = MakeCurlClient({true});
  TokenPair tokens;
};

// The text at a path like "data.MESSAGES.0.message.id"; "(none)" when there is none.
inline std::string At(const Tree& tree, std::string_view path) {
  const Tree* at = &tree;
  while (at != nullptr && !path.empty()) {
    const std::size_t dot = path.find('.');
    at = at->Find(path.substr(0, dot));
    path.remove_prefix(dot == path.npos ? path.size() : dot + 1);
  }
  return at == nullptr || !at->is_text() ? "(none)" : at->text();
}

}  // namespace imrelay::stand_in
