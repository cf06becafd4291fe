#include "fastcgi/server.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <doctest/doctest.h>
#include <barrier>
#include <csignal>
#include <future>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include "tests/fastcgi/server_fixture.h"

using namespace imrelay;
using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

TEST_CASE("server: refuses a descriptor that is no listening socket") {
  ServerOptions options;
  for (const int fd : {-1, open("/dev/null", O_RDONLY), socket(AF_UNIX, SOCK_STREAM, 0)}) {
    options.listen_fd = fd;
    const auto started = Server::Start(options, [](const Request&, const Reply&) {});

    REQUIRE_FALSE(started);
    CHECK(started.error().code == ErrorCode::kInvalidArgument);
    if (fd >= 0) close(fd);
  }
}

TEST_CASE("server: serves as many requests at once as it has threads") {
  constexpr int kThreads = 32;
  ServerFixture fixture;
  fixture.options.threads = kThreads;
  std::barrier all_here(kThreads);
  fixture.Start([&all_here](const Request&) {
    all_here.arrive_and_wait();
    return Response{};
  });

  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < kThreads; ++i) {
    clients.push_back(std::make_unique<Client>(fixture.path()));
    clients.back()->Send(PostRequest("a=1"));
  }

  for (const auto& client : clients) CHECK(client->Receive().status == "200 OK");
}

TEST_CASE("server: silent and half-spoken peers hold nobody for longer than the time-out") {
  ServerFixture fixture;
  fixture.options.io_timeout = 100ms;
  fixture.Start();
  Client silent(fixture.path());
  Client half_header(fixture.path());
  Client half_parameters(fixture.path());
  Client half_body(fixture.path());
  half_header.Send("\x01\x01");
  half_parameters.Send(BeginRecord() + "\x01\x04");
  half_body.Send(BeginRecord() + ParameterRecords(PostParameters("10")) + UnendedBody("12345"));

  const Answer answer = fixture.Exchange(PostRequest("a=1"));

  CHECK(answer.body == "complete a=1");
  CHECK(half_body.Receive().body == "cut ");
  CHECK_FALSE(half_header.Receive().ended);
  CHECK(fixture.handled == 2);
}

TEST_CASE("server: hundreds of silent and half-spoken peers hold nobody at all") {
  ServerFixture fixture;
  fixture.options.io_timeout = 60s;
  fixture.options.request_timeout = 60s;
  fixture.Start();
  std::vector<std::unique_ptr<Client>> peers;
  const std::string half = BeginRecord() + ParameterRecords(PostParameters("10"));
  for (int i = 0; i < 300; ++i) {
    peers.push_back(std::make_unique<Client>(fixture.path()));
    if (i % 3 == 1) peers.back()->Send("\x01\x01");
    if (i % 3 == 2) peers.back()->Send(half + UnendedBody("12345"));
  }

  const Steady::time_point begin = Steady::now();
  for (int i = 0; i < 20; ++i) {
    CHECK(fixture.Exchange(PostRequest("a=1")).body == "complete a=1");
  }
  const auto took = Steady::now() - begin;
  peers[2]->Send(BodyRecords("67890"));

  CHECK(took < 10s);
  CHECK(peers[2]->Receive().body == "complete 1234567890");
  peers.clear();
}

TEST_CASE("server: a request larger than a socket's buffer is read while it arrives") {
  ServerFixture fixture;
  fixture.Start();
  const std::string body(900'000, 'x');

  const Answer answer = fixture.Exchange(PostRequest(body));

  CHECK(answer.body == "complete " + body);
}

TEST_CASE("server: large requests that stall hold up no others") {
  ServerFixture fixture;
  fixture.options.io_timeout = 60s;
  fixture.options.request_timeout = 1s;
  fixture.Start();
  std::vector<std::unique_ptr<Client>> peers;
  for (int i = 0; i < 6; ++i) {
    peers.push_back(std::make_unique<Client>(fixture.path()));
    peers.back()->Send(BeginRecord() + ParameterRecords(PostParameters("900000")));
    for (int j = 0; j < 4; ++j) peers.back()->Send(UnendedBody(std::string(30'000, 'x')));
  }

  CHECK(fixture.Exchange(PostRequest("a=1")).body == "complete a=1");
  for (const auto& peer : peers) CHECK(peer->Receive().body == "cut ");
}

TEST_CASE("server: an answer may come later and from another thread") {
  ServerFixture fixture;
  std::promise<Reply> given;
  fixture.StartLater([&](const Request&, Reply reply) { given.set_value(std::move(reply)); });
  Client client(fixture.path());
  client.Send(PostRequest("a=1"));

  Response response;
  response.body = "later";
  {
    const Reply reply = given.get_future().get();
    reply(response);
    reply(response);  // a second answer is dropped
  }

  CHECK(client.Receive().body == "later");
}

TEST_CASE("server: a request that nobody answers gets a 503") {
  ServerFixture fixture;
  fixture.StartLater([](const Request&, const Reply&) {});
  CHECK(fixture.Exchange(PostRequest("a=1")).status == "503 Service Unavailable");

  fixture.server.reset();
  fixture.StartLater([](const Request&, const Reply&) { throw std::runtime_error("no"); });
  CHECK(fixture.Exchange(PostRequest("a=1")).status == "503 Service Unavailable");
}

TEST_CASE("server: takes no more requests than may be under way, and the others wait") {
  ServerFixture fixture;
  fixture.options.max_requests = 3;
  std::mutex mutex;
  std::vector<Reply> replies;
  fixture.StartLater([&](const Request&, Reply reply) {
    const std::lock_guard lock(mutex);
    replies.push_back(std::move(reply));
  });
  const auto count = [&] {
    const std::lock_guard lock(mutex);
    return replies.size();
  };
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(std::make_unique<Client>(fixture.path()));
    clients.back()->Send(PostRequest("a=1"));
  }

  // Each of the two threads may have one more in hand than the three.
  while (count() < 3) std::this_thread::yield();
  std::this_thread::sleep_for(50ms);
  const std::size_t taken = count();
  std::size_t answered = 0;
  while (answered < clients.size()) {
    std::vector<Reply> now;
    {
      const std::lock_guard lock(mutex);
      now.swap(replies);
    }
    for (const Reply& reply : now) reply(Response{});
    answered += now.size();
  }

  CHECK(taken <= 4);
  for (const auto& client : clients) CHECK(client->Receive().status == "200 OK");
}

TEST_CASE("server: Drain waits for answers that come later") {
  ServerFixture fixture;
  std::promise<Reply> given;
  fixture.StartLater([&](const Request&, Reply reply) { given.set_value(std::move(reply)); });
  Client client(fixture.path());
  client.Send(PostRequest("a=1"));
  std::future<Reply> reply = given.get_future();
  reply.wait();

  std::future<void> drained =
      std::async(std::launch::async, [&fixture] { fixture.server->Drain(); });
  const bool waits = drained.wait_for(50ms) == std::future_status::timeout;
  reply.get()(Response{});
  given = {};

  CHECK(waits);
  CHECK(drained.wait_for(5s) == std::future_status::ready);
  CHECK(client.Receive().status == "200 OK");
}

TEST_CASE("server: a peer that trickles its request is cut off at the deadline") {
  ServerFixture fixture;
  fixture.options.threads = 1;
  fixture.options.io_timeout = 5s;
  fixture.options.request_timeout = 200ms;
  fixture.Start();
  Client trickling(fixture.path());
  const std::string endless = BeginRecord() + ParameterRecords(PostParameters("1000"));
  trickling.Send(endless);
  std::atomic<bool> served = false;
  std::thread trickle([&] {
    while (!served && trickling.Send(UnendedBody("x"))) std::this_thread::sleep_for(10ms);
  });

  const Steady::time_point begin = Steady::now();
  const Answer answer = fixture.Exchange(PostRequest("a=1"));
  const auto took = Steady::now() - begin;
  served = true;
  trickle.join();

  CHECK(answer.body == "complete a=1");
  CHECK(took < 4s);
  CHECK(trickling.Receive().body == "cut ");
}

TEST_CASE("server: a handler may take longer than peers may for their request") {
  ServerFixture fixture;
  fixture.options.io_timeout = 20ms;
  fixture.options.request_timeout = 20ms;
  fixture.Start([](const Request& request) {
    std::this_thread::sleep_for(100ms);
    Response response;
    response.body = request.body;
    return response;
  });

  CHECK(fixture.Exchange(PostRequest("a=1")).body == "a=1");
}

TEST_CASE("server: serves a socket that was or becomes non-blocking") {
  ServerFixture fixture;
  const int flags = fcntl(fixture.options.listen_fd, F_GETFL);
  REQUIRE(fcntl(fixture.options.listen_fd, F_SETFL, flags | O_NONBLOCK) == 0);
  fixture.Start();
  CHECK(fixture.Exchange(PostRequest("a=1")).body == "complete a=1");

  REQUIRE(fcntl(fixture.options.listen_fd, F_SETFL, flags | O_NONBLOCK) == 0);

  for (int i = 0; i < 10; ++i) {
    CHECK(fixture.Exchange(PostRequest("a=1")).body == "complete a=1");
  }
  // Else its threads would spin.
  CHECK((fcntl(fixture.options.listen_fd, F_GETFL) & O_NONBLOCK) == 0);
}

TEST_CASE("server: out of descriptors it waits and then serves") {
  ServerFixture fixture;
  fixture.options.threads = 1;
  std::promise<void> begun;
  std::promise<void> go_on;
  fixture.Start([&](const Request&) {
    if (++fixture.handled == 1) {
      begun.set_value();
      go_on.get_future().wait();
    }
    return Response{};
  });
  Client first(fixture.path());
  Client second(fixture.path());
  first.Send(PostRequest("a=1"));
  begun.get_future().wait();
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
  const rlimit none_left{.rlim_cur = 0, .rlim_max = before.rlim_max};
  REQUIRE(setrlimit(RLIMIT_NOFILE, &none_left) == 0);

  second.Send(PostRequest("a=2"));
  go_on.set_value();
  const Answer answer = first.Receive();
  std::this_thread::sleep_for(20ms);
  const int handled = fixture.handled;
  REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);

  CHECK(answer.ended);
  CHECK(handled == 1);
  CHECK(second.Receive().ended);
}

TEST_CASE("server: its threads take none of the process's signals") {
  ServerFixture fixture;
  sigset_t mask;
  fixture.Start([&mask](const Request&) {
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    return Response{};
  });
  sigset_t ours;
  pthread_sigmask(SIG_SETMASK, nullptr, &ours);

  REQUIRE(fixture.Exchange(PostRequest("a=1")).ended);

  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD}) {
    CHECK(sigismember(&mask, signal) == 1);
    CHECK(sigismember(&ours, signal) == 0);
  }
}

TEST_CASE("server: Drain returns at once when nothing is under way, and may be repeated") {
  ServerFixture fixture;
  fixture.options.threads = 32;
  fixture.Start();

  const Steady::time_point begin = Steady::now();
  fixture.server->Drain();
  fixture.server->Drain();

  CHECK(Steady::now() - begin < 2s);
}

TEST_CASE("server: Drain waits for the request under way and lets it be answered") {
  ServerFixture fixture;
  std::promise<void> begun;
  std::promise<void> go_on;
  fixture.Start([&](const Request&) {
    begun.set_value();
    go_on.get_future().wait();
    return Response{};
  });
  Client client(fixture.path());
  client.Send(PostRequest("a=1"));
  begun.get_future().wait();

  std::future<void> drained =
      std::async(std::launch::async, [&fixture] { fixture.server->Drain(); });
  const bool waits = drained.wait_for(50ms) == std::future_status::timeout;
  go_on.set_value();

  CHECK(waits);
  CHECK(drained.wait_for(5s) == std::future_status::ready);
  CHECK(client.Receive().status == "200 OK");
}

TEST_CASE("server: servers that replace one another under load lose no request") {
  ServerFixture fixture;
  fixture.options.threads = 8;
  fixture.Start();
  std::atomic<bool> over = false;
  std::atomic<int> sent = 0;
  std::atomic<int> answered = 0;
  std::vector<std::thread> clients;
  for (int i = 0; i < 16; ++i) {
    clients.emplace_back([&] {
      while (!over) {
        ++sent;
        if (fixture.Exchange(PostRequest("a=1")).body == "complete a=1") ++answered;
      }
    });
  }

  Steady::duration longest{};
  for (int restart = 0; restart < 30; ++restart) {
    const int before = answered;
    while (answered < before + 20) std::this_thread::yield();
    const Steady::time_point begin = Steady::now();
    fixture.server->Drain();
    longest = std::max(longest, Steady::now() - begin);
    fixture.Start();
  }
  over = true;
  for (std::thread& client : clients) client.join();

  CHECK(answered == sent);
  CHECK(fixture.handled == sent);
  CHECK(longest < 2s);
}
