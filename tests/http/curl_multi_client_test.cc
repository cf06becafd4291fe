#include <doctest/doctest.h>
#include <httplib.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "http/async_client.h"
#include "tests/portal/loopback_server.h"

namespace imrelay {
namespace {

const AddressPolicy kLoopbackAllowed{true};

HttpRequest Post(const std::string& url, std::string body = "{}") {
  HttpRequest request;
  request.url = url;
  request.body = std::move(body);
  return request;
}

std::future<Result<HttpResponse>> Sent(AsyncHttpClient& client, HttpRequest request) {
  auto promise = std::make_shared<std::promise<Result<HttpResponse>>>();
  std::future<Result<HttpResponse>> answer = promise->get_future();
  client.Send(std::move(request),
              [promise](Result<HttpResponse> result) { promise->set_value(std::move(result)); });
  return answer;
}

// Answers with what was posted, and counts who came.
struct Echo {
  Echo() {
    http.server().Post("/", [this](const httplib::Request& request, httplib::Response& response) {
      const std::lock_guard lock(mutex);
      ++requests;
      ports.insert(request.remote_port);
      response.set_content(request.body, "text/plain");
    });
    REQUIRE(http.Start());
  }
  std::mutex mutex;
  std::set<int> ports;
  int requests = 0;
  LoopbackServer http;
};

// Holds every request until it is let go, and tells how many it holds.
struct Holding {
  Holding() {
    http.server().Post("/", [this](const httplib::Request&, httplib::Response& response) {
      ++held;
      let_go.wait();
      response.set_content("late", "text/plain");
    });
    REQUIRE(http.Start());
  }
  ~Holding() { LetGo(); }
  void LetGo() {
    if (!gone.exchange(true)) promise.set_value();
  }
  void WaitFor(int count) const {
    while (held < count) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  std::promise<void> promise;
  std::shared_future<void> let_go = promise.get_future().share();
  std::atomic<bool> gone = false;
  std::atomic<int> held = 0;
  LoopbackServer http;
};

TEST_CASE("async http client: sends method, headers and body, and returns the answer") {
  LoopbackServer http;
  httplib::Request seen;
  http.server().Post("/path", [&](const httplib::Request& request, httplib::Response& response) {
    seen = request;
    response.status = 418;
    response.set_header("X-Mixed-Case", " value ");
    response.set_content(std::string("a\0b", 3), "application/octet-stream");
  });
  REQUIRE(http.Start());
  HttpRequest request = Post(http.Url() + "/path?q=1", std::string("{\"a\":\0}", 7));
  request.headers = {{"Content-Type", "application/json"}};
  const auto client = MakeAsyncCurlClient(kLoopbackAllowed);

  const Result<HttpResponse> answer = Sent(*client, request).get();

  REQUIRE(answer.has_value());
  CHECK(answer->status == 418);
  CHECK(answer->headers.at("x-mixed-case") == "value");
  CHECK(answer->body == std::string("a\0b", 3));
  CHECK(seen.method == "POST");
  CHECK(seen.body == request.body);
  CHECK(seen.get_header_value("Content-Type") == "application/json");
}

TEST_CASE("async http client: many threads send at once, and each gets its own answer") {
  constexpr int kThreads = 4;
  constexpr int kEach = 50;
  Echo server;
  const auto client = MakeAsyncCurlClient(kLoopbackAllowed);
  std::atomic<int> right = 0;
  std::vector<std::thread> callers;

  for (int i = 0; i < kThreads; ++i) {
    callers.emplace_back([&, i] {
      for (int j = 0; j < kEach; ++j) {
        const std::string body = std::to_string(i) + ' ' + std::to_string(j);
        const Result<HttpResponse> answer =
            Sent(*client, Post(server.http.Url() + "/", body)).get();
        if (answer && answer->body == body) ++right;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();

  CHECK(right == kThreads * kEach);
  CHECK(server.requests == kThreads * kEach);
}

TEST_CASE("async http client: keeps connections, except for what must be sent at most once") {
  Echo server;
  const auto client = MakeAsyncCurlClient(kLoopbackAllowed);
  HttpRequest request = Post(server.http.Url() + "/");

  for (int i = 0; i < 5; ++i) REQUIRE(Sent(*client, request).get().has_value());
  CHECK(server.ports.size() == 1);
  request.at_most_once = true;
  REQUIRE(Sent(*client, request).get().has_value());

  CHECK(server.ports.size() == 2);
}

TEST_CASE("async http client: one that does not answer delays no other") {
  Holding slow;
  Echo quick;
  const auto client = MakeAsyncCurlClient(kLoopbackAllowed);
  std::vector<std::future<Result<HttpResponse>>> late;

  for (int i = 0; i < 20; ++i) late.push_back(Sent(*client, Post(slow.http.Url() + "/")));
  slow.WaitFor(20);
  CHECK(Sent(*client, Post(quick.http.Url() + "/")).get().has_value());
  slow.LetGo();

  for (auto& answer : late) CHECK(answer.get().has_value());
}

TEST_CASE("async http client: an answer may lead to the next request") {
  Echo server;
  const auto client = MakeAsyncCurlClient(kLoopbackAllowed);
  std::promise<int> ended;
  std::function<void(int)> next = [&](int left) {
    if (left == 0) return ended.set_value(0);
    client->Send(Post(server.http.Url() + "/"), [&, left](Result<HttpResponse> answer) {
      answer ? next(left - 1) : ended.set_value(left);
    });
  };

  next(10);

  CHECK(ended.get_future().get() == 0);
  CHECK(server.requests == 10);
}

TEST_CASE("async http client: gives up after the time-out, and says that the connection stood") {
  Holding slow;
  const auto client = MakeAsyncCurlClient(kLoopbackAllowed);
  HttpRequest request = Post(slow.http.Url() + "/?token=secret");
  request.timeout = std::chrono::milliseconds(100);

  const Result<HttpResponse> answer = Sent(*client, request).get();

  REQUIRE_FALSE(answer.has_value());
  CHECK(answer.error().code == ErrorCode::kUnavailable);
  CHECK(answer.error().reason == "no_reply");
  CHECK(answer.error().message.find("secret") == std::string::npos);
}

TEST_CASE("async http client: tells what was never sent from what was cut") {
  std::string nobody;
  {
    Echo server;
    nobody = server.http.Url() + "/";
  }
  LoopbackServer http;
  http.server().Post("/", [](const httplib::Request&, httplib::Response& response) {
    response.set_content_provider(10, "text/plain",
                                  [](std::size_t, std::size_t, httplib::DataSink& sink) {
                                    sink.write("half", 4);
                                    return false;
                                  });
  });
  REQUIRE(http.Start());
  const auto client = MakeAsyncCurlClient(kLoopbackAllowed);

  const Result<HttpResponse> refused = Sent(*client, Post(nobody)).get();
  const Result<HttpResponse> cut = Sent(*client, Post(http.Url() + "/")).get();

  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == ErrorCode::kUnavailable);
  CHECK(refused.error().reason == "");
  REQUIRE_FALSE(cut.has_value());
  CHECK(cut.error().code == ErrorCode::kUnavailable);
  CHECK(cut.error().reason == "cut");
}

TEST_CASE("async http client: refuses what its policy refuses") {
  const auto client = MakeAsyncCurlClient({});

  for (const char* url : {"http://127.0.0.1:1/", "https://127.0.0.1:1/", "https://localhost:1/",
                          "https://10.0.0.1/", "ftp://example.com/", "no url", ""}) {
    CAPTURE(url);
    const Result<HttpResponse> answer = Sent(*client, Post(url)).get();
    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.error().code == ErrorCode::kInvalidArgument);
    CHECK(answer.error().reason == "address_refused");
  }
}

TEST_CASE("async http client: any address may be called where the policy says so") {
  Echo server;
  AddressPolicy policy;
  policy.any_address = true;
  const auto client = MakeAsyncCurlClient(policy);

  CHECK(Sent(*client, Post(server.http.Url() + "/")).get().has_value());
}

TEST_CASE("async http client: http to a public address is refused where the policy says so") {
  Echo server;
  AddressPolicy policy;
  policy.any_address = true;
  policy.https_to_public = true;
  const auto client = MakeAsyncCurlClient(policy);

  const Result<HttpResponse> refused = Sent(*client, Post("http://8.8.8.8:9/hook?key=hush")).get();

  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == ErrorCode::kInvalidArgument);
  CHECK(refused.error().reason == "address_refused");
  CHECK(refused.error().message == "8.8.8.8: its address is public: only https is called there");
  CHECK(Sent(*client, Post(server.http.Url() + "/")).get().has_value());
}

TEST_CASE("async http client: reads no more of an answer than was asked for") {
  LoopbackServer http;
  http.server().Post("/", [](const httplib::Request& request, httplib::Response& response) {
    response.set_content(std::string(std::stoul(request.body), 'x'), "text/plain");
  });
  REQUIRE(http.Start());
  const auto client = MakeAsyncCurlClient(kLoopbackAllowed);
  const auto answer_to = [&](std::size_t bytes, std::size_t most) {
    HttpRequest request = Post(http.Url() + "/", std::to_string(bytes));
    request.read_at_most = most;
    Result<HttpResponse> answer = Sent(*client, std::move(request)).get();
    REQUIRE(answer.has_value());
    CHECK(answer->status == 200);
    return *std::move(answer);
  };

  const HttpResponse whole = answer_to(1000, 1000);
  CHECK(whole.body.size() == 1000);
  CHECK_FALSE(whole.longer);
  const HttpResponse cut = answer_to(2 * kMaxAnswerBytes, 100'000);
  CHECK(cut.body.size() == 100'000);
  CHECK(cut.longer);
  CHECK(answer_to(1001, 1000).longer);
}

TEST_CASE("async http client: returns a redirect and does not follow it") {
  Echo target;
  LoopbackServer http;
  http.server().Post("/", [&](const httplib::Request&, httplib::Response& response) {
    response.set_redirect(target.http.Url() + "/", 307);
  });
  REQUIRE(http.Start());
  const auto client = MakeAsyncCurlClient(kLoopbackAllowed);

  const Result<HttpResponse> answer = Sent(*client, Post(http.Url() + "/")).get();

  REQUIRE(answer.has_value());
  CHECK(answer->status == 307);
  CHECK(target.requests == 0);
}

TEST_CASE("async http client: its end answers what is under way and what that leads to") {
  Holding slow;
  auto client = MakeAsyncCurlClient(kLoopbackAllowed);
  std::vector<std::future<Result<HttpResponse>>> cut;
  for (int i = 0; i < 5; ++i) cut.push_back(Sent(*client, Post(slow.http.Url() + "/")));
  std::promise<Result<HttpResponse>> follower;
  AsyncHttpClient& same = *client;
  client->Send(Post(slow.http.Url() + "/"), [&](Result<HttpResponse>) {
    same.Send(Post(slow.http.Url() + "/"),
              [&](Result<HttpResponse> answer) { follower.set_value(std::move(answer)); });
  });
  slow.WaitFor(6);

  client.reset();

  for (auto& answer : cut) {
    const Result<HttpResponse> stopped = answer.get();
    REQUIRE_FALSE(stopped.has_value());
    CHECK(stopped.error().code == ErrorCode::kUnavailable);
    CHECK(stopped.error().message == "stopped");
    CHECK(stopped.error().reason == "cut");  // it may have arrived
  }
  const Result<HttpResponse> never_sent = follower.get_future().get();
  REQUIRE_FALSE(never_sent.has_value());
  CHECK(never_sent.error().message == "stopped");
  CHECK(never_sent.error().reason == "");
}

}  // namespace
}  // namespace imrelay
