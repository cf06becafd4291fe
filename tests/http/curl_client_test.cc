#include <doctest/doctest.h>
#include <httplib.h>
#include <stdlib.h>

#include <atomic>
#include <chrono>
#include <future>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "http/client.h"
#include "tests/portal/loopback_server.h"

namespace imrelay {
namespace {

const AddressPolicy kLoopbackAllowed{true};

HttpRequest Get(const std::string& url) {
  HttpRequest request;
  request.method = "GET";
  request.url = url;
  return request;
}

// Sends with a client of the default policy, which must refuse before anything leaves.
void CheckRefused(const std::string& url, const AddressPolicy& policy = {}) {
  CAPTURE(url);
  const Result<HttpResponse> answer = MakeCurlClient(policy)->Send(Get(url));
  REQUIRE_FALSE(answer.has_value());
  CHECK(answer.error().code == ErrorCode::kInvalidArgument);
  CHECK(answer.error().reason == "address_refused");
}

// A server that counts who came.
struct Counted {
  Counted() {
    http.server().Get("/", [this](const httplib::Request& request, httplib::Response& response) {
      const std::lock_guard lock(mutex);
      ++requests;
      ports.insert(request.remote_port);
      response.set_content("ok", "text/plain");
    });
    REQUIRE(http.Start());
  }
  std::mutex mutex;
  int requests = 0;
  std::set<int> ports;  // one a connection
  LoopbackServer http;
};

TEST_CASE("http client: refuses the loopback by default, in every spelling") {
  Counted server;
  const std::string port = std::to_string(server.http.port());

  CheckRefused("http://127.0.0.1:" + port + "/");
  for (const char* host : {"127.0.0.1", "localhost", "127.1", "0x7f000001", "2130706433", "[::1]",
                           "[::ffff:127.0.0.1]", "0.0.0.0", "[::]"}) {
    CheckRefused("https://" + std::string(host) + ":" + port + "/");
  }

  CHECK(server.requests == 0);
}

TEST_CASE("http client: refuses private addresses, with the loopback allowed too") {
  for (const char* host :
       {"10.0.0.1", "169.254.169.254", "192.168.0.1", "100.64.0.1", "[fd00::1]", "[fe80::1]"}) {
    CheckRefused("https://" + std::string(host) + "/");
    CheckRefused("https://" + std::string(host) + "/", kLoopbackAllowed);
  }
}

TEST_CASE("http client: refuses an address in the place of a name, in every spelling") {
  for (const char* host : {"1.1.1.1", "1.1", "0x01010101", "16843009", "1.1.1.1:8443",
                           "[2606:4700::1111]", "[64:ff9b::101:101]"}) {
    CheckRefused("https://" + std::string(host) + "/");
    CheckRefused("https://" + std::string(host) + "/", kLoopbackAllowed);
  }
}

TEST_CASE("http client: a private host is called at its own port and by https only") {
  Counted server;
  const std::string port = std::to_string(server.http.port());
  const AddressPolicy policy{false, {"localhost", "localhost:1", "127.0.0.1:1", "10.0.0.1:1"}};

  CheckRefused("https://localhost:" + port + "/", policy);
  CheckRefused("http://localhost:" + port + "/", policy);
  CheckRefused("http://127.0.0.1:1/", policy);
  CheckRefused("https://127.0.0.1:" + port + "/", policy);
  CheckRefused("https://10.0.0.1/", policy);
  CheckRefused("https://sub.localhost/", policy);

  CHECK(server.requests == 0);
}

TEST_CASE("http client: calls http at loopback hosts only, and nothing but http and https") {
  for (const char* url :
       {"http://example.com/", "http://1.1.1.1/", "http://127.0.0.1.example.com/", "ftp://1.1.1.1/",
        "file:///etc/hostname", "gopher://127.0.0.1/", "not a url", "", "https://",
        "https://user:secret@example.com/", "https://token@example.com/"}) {
    CheckRefused(url, kLoopbackAllowed);
  }
  CheckRefused(std::string("https://example.com/\0x", 22), kLoopbackAllowed);
}

TEST_CASE("http client: sends method, headers and body, and returns the answer") {
  LoopbackServer http;
  httplib::Request seen;
  http.server().Post("/path", [&](const httplib::Request& request, httplib::Response& response) {
    seen = request;
    response.status = 418;
    response.set_header("X-Mixed-Case", " value ");
    response.set_content(std::string("a\0b", 3), "application/octet-stream");
  });
  REQUIRE(http.Start());
  HttpRequest request;
  request.url = http.Url() + "/path?q=1";
  request.headers = {{"Content-Type", "application/json"}};
  request.body = std::string("{\"a\":\0}", 7);

  const Result<HttpResponse> answer = MakeCurlClient(kLoopbackAllowed)->Send(request);

  REQUIRE(answer.has_value());
  CHECK(answer->status == 418);
  CHECK(answer->headers.at("x-mixed-case") == "value");
  CHECK(answer->body == std::string("a\0b", 3));
  CHECK(seen.method == "POST");
  CHECK(seen.body == request.body);
  CHECK(seen.get_param_value("q") == "1");
  CHECK(seen.get_header_value("Content-Type") == "application/json");
  CHECK_FALSE(seen.has_header("Expect"));
}

TEST_CASE("http client: takes no line break in a header") {
  Counted server;
  HttpRequest request = Get(server.http.Url() + "/");
  request.headers = {{"X-A", "b\r\nX-Injected: 1"}};

  const Result<HttpResponse> answer = MakeCurlClient(kLoopbackAllowed)->Send(request);

  REQUIRE_FALSE(answer.has_value());
  CHECK(answer.error().code == ErrorCode::kInvalidArgument);
  CHECK(server.requests == 0);
}

TEST_CASE("http client: returns a redirect and does not follow it") {
  Counted target;
  LoopbackServer http;
  http.server().Get("/", [&](const httplib::Request&, httplib::Response& response) {
    response.set_redirect(target.http.Url() + "/");
  });
  REQUIRE(http.Start());

  const Result<HttpResponse> answer = MakeCurlClient(kLoopbackAllowed)->Send(Get(http.Url() + "/"));

  REQUIRE(answer.has_value());
  CHECK(answer->status == 302);
  CHECK(answer->headers.at("location") == target.http.Url() + "/");
  CHECK(target.requests == 0);
}

TEST_CASE("http client: takes the largest answer allowed and not a byte more") {
  LoopbackServer http;
  http.server().Get("/fits", [](const httplib::Request&, httplib::Response& response) {
    response.set_content(std::string(kMaxAnswerBytes, 'x'), "text/plain");
  });
  http.server().Get("/over", [](const httplib::Request&, httplib::Response& response) {
    response.set_content(std::string(kMaxAnswerBytes + 1, 'x'), "text/plain");
  });
  REQUIRE(http.Start());
  const auto client = MakeCurlClient(kLoopbackAllowed);

  const Result<HttpResponse> fits = client->Send(Get(http.Url() + "/fits"));
  const Result<HttpResponse> over = client->Send(Get(http.Url() + "/over"));

  REQUIRE(fits.has_value());
  CHECK(fits->body.size() == kMaxAnswerBytes);
  REQUIRE_FALSE(over.has_value());
  CHECK(over.error().code == ErrorCode::kUnavailable);
  CHECK(over.error().message.find("too large") != std::string::npos);
}

TEST_CASE("http client: gives up after the time-out") {
  LoopbackServer http;
  std::promise<void> tested;
  std::shared_future<void> done = tested.get_future().share();
  http.server().Get("/secret-path",
                    [done](const httplib::Request&, httplib::Response&) { done.wait(); });
  REQUIRE(http.Start());
  HttpRequest request = Get(http.Url() + "/secret-path?token=secret");
  request.timeout = std::chrono::milliseconds(100);

  const Result<HttpResponse> answer = MakeCurlClient(kLoopbackAllowed)->Send(request);
  tested.set_value();

  REQUIRE_FALSE(answer.has_value());
  CHECK(answer.error().code == ErrorCode::kUnavailable);
  CHECK(answer.error().reason == "no_reply");
  CHECK(answer.error().message.find("127.0.0.1") != std::string::npos);
  CHECK(answer.error().message.find("secret") == std::string::npos);
}

TEST_CASE("http client: says kUnavailable where nobody listens") {
  std::string url;
  {
    Counted server;
    url = server.http.Url() + "/";
  }

  const Result<HttpResponse> answer = MakeCurlClient(kLoopbackAllowed)->Send(Get(url));

  REQUIRE_FALSE(answer.has_value());
  CHECK(answer.error().code == ErrorCode::kUnavailable);
}

TEST_CASE("http client: says kUnavailable for an answer that was cut") {
  LoopbackServer http;
  http.server().Get("/", [](const httplib::Request&, httplib::Response& response) {
    response.set_content_provider(10, "text/plain",
                                  [](std::size_t, std::size_t, httplib::DataSink& sink) {
                                    sink.write("half", 4);
                                    return false;
                                  });
  });
  REQUIRE(http.Start());

  const Result<HttpResponse> answer = MakeCurlClient(kLoopbackAllowed)->Send(Get(http.Url() + "/"));

  REQUIRE_FALSE(answer.has_value());
  CHECK(answer.error().code == ErrorCode::kUnavailable);
}

TEST_CASE("http client: reuses connections, except for what must be sent at most once") {
  Counted server;
  const auto client = MakeCurlClient(kLoopbackAllowed);
  HttpRequest request = Get(server.http.Url() + "/");

  for (int i = 0; i < 5; ++i) REQUIRE(client->Send(request).has_value());
  CHECK(server.ports.size() == 1);
  request.at_most_once = true;
  REQUIRE(client->Send(request).has_value());

  CHECK(server.ports.size() == 2);
  CHECK(server.requests == 6);
}

TEST_CASE("http client: many threads and hosts use no more connections than threads") {
  constexpr int kThreads = 4;
  Counted servers[3];
  const auto client = MakeCurlClient(kLoopbackAllowed);
  std::atomic<int> answered = 0;
  std::vector<std::thread> callers;

  for (int i = 0; i < kThreads; ++i) {
    callers.emplace_back([&] {
      for (int j = 0; j < 60; ++j) {
        if (client->Send(Get(servers[j % 3].http.Url() + "/"))) ++answered;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();

  CHECK(answered == 60 * kThreads);
  for (Counted& server : servers) CHECK(server.ports.size() <= kThreads);
}

TEST_CASE("http client: two clients share no connection") {
  Counted server;

  REQUIRE(MakeCurlClient(kLoopbackAllowed)->Send(Get(server.http.Url() + "/")).has_value());
  const auto one = MakeCurlClient(kLoopbackAllowed);
  const auto other = MakeCurlClient(kLoopbackAllowed);
  REQUIRE(one->Send(Get(server.http.Url() + "/")).has_value());
  REQUIRE(other->Send(Get(server.http.Url() + "/")).has_value());

  CHECK(server.ports.size() == 3);
}

TEST_CASE("http client: says who it is") {
  LoopbackServer http;
  std::string agent;
  http.server().Get("/", [&](const httplib::Request& request, httplib::Response&) {
    agent = request.get_header_value("User-Agent");
  });
  REQUIRE(http.Start());

  REQUIRE(MakeCurlClient(kLoopbackAllowed)->Send(Get(http.Url() + "/")).has_value());

  CHECK(agent.starts_with("imrelay/"));
  CHECK(agent.size() > std::string("imrelay/").size());
}

TEST_CASE("http client: serves several threads at once") {
  Counted server;
  const auto client = MakeCurlClient(kLoopbackAllowed);
  std::atomic<int> answered = 0;
  std::vector<std::thread> callers;

  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      for (int j = 0; j < 25; ++j) {
        const Result<HttpResponse> answer = client->Send(Get(server.http.Url() + "/"));
        if (answer && answer->body == "ok") ++answered;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();

  CHECK(answered == 100);
}

TEST_CASE("http client: uses no proxy, whatever the environment says") {
  Counted server;
  Counted proxy;
  setenv("http_proxy", proxy.http.Url().c_str(), 1);
  setenv("ALL_PROXY", proxy.http.Url().c_str(), 1);

  const Result<HttpResponse> answer =
      MakeCurlClient(kLoopbackAllowed)->Send(Get(server.http.Url() + "/"));
  unsetenv("http_proxy");
  unsetenv("ALL_PROXY");

  CHECK(answer.has_value());
  CHECK(server.requests == 1);
  CHECK(proxy.requests == 0);
}

}  // namespace
}  // namespace imrelay
