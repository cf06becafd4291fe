#pragma once

#include <doctest/doctest.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "fastcgi/listen_socket.h"
#include "fastcgi/server.h"
#include "tests/fakes/temporary_directory.h"
#include "tests/fastcgi/client.h"

namespace imrelay {

// A server on a socket of its own. Its handler tells what it was given: body state, then body.
class ServerFixture {
 public:
  ServerFixture() {
    const Result<int> fd = OpenListenSocket("unix:" + path());
    REQUIRE(fd);
    options.listen_fd = *fd;
    options.threads = 2;
  }
  ~ServerFixture() {
    server.reset();
    close(options.listen_fd);
  }
  ServerFixture(const ServerFixture&) = delete;
  ServerFixture& operator=(const ServerFixture&) = delete;

  std::string path() const { return directory_.File("s"); }

  using Handle = std::function<Response(const Request&)>;

  void StartLater(Handler handler) {
    Result<std::unique_ptr<Server>> started = Server::Start(options, std::move(handler));
    REQUIRE(started);
    server = std::move(*started);
  }
  // One that answers before it returns.
  void Start(Handle handle) {
    StartLater([handle = std::move(handle)](const Request& request, const Reply& reply) {
      reply(handle(request));
    });
  }
  void Start() {
    Start([this](const Request& request) { return Tell(request); });
  }

  // Sends all of `bytes` and returns the answer.
  Answer Exchange(const std::string& bytes) const {
    Client client(path());
    client.Send(bytes);
    return client.Receive();
  }

  ServerOptions options;
  std::unique_ptr<Server> server;
  std::atomic<int> handled = 0;

 private:
  Response Tell(const Request& request) {
    ++handled;
    Response response;
    response.content_type = "text/plain";
    switch (request.body_state) {
      case Request::BodyState::kComplete:
        response.body = "complete ";
        break;
      case Request::BodyState::kTooLarge:
        response.body = "too large ";
        break;
      case Request::BodyState::kCut:
        response.body = "cut ";
        break;
      case Request::BodyState::kNoLength:
        response.body = "no length ";
        break;
    }
    response.body += request.body;
    return response;
  }

  TemporaryDirectory directory_;
};

}  // namespace imrelay
