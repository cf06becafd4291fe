// What our use of libfcgi's private fields relies on: a libfcgi that changes it fails here.
#include "fastcgi/connection.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <doctest/doctest.h>
#include <array>
#include <cerrno>
#include <csignal>
#include <memory>
#include <string>

#include "tests/fastcgi/client.h"

using namespace imrelay;

namespace {

struct Pair {
  Pair() {
    REQUIRE(InitFastCgi());
    std::array<int, 2> ends{};
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
    ours = ends[0];
    theirs = std::make_unique<Client>(ends[1]);
  }

  int ours = -1;
  std::unique_ptr<Client> theirs;
};

bool IsOpen(int fd) { return fcntl(fd, F_GETFD) != -1; }

}  // namespace

TEST_CASE("connection: libfcgi reads and answers on the socket it is given") {
  Pair pair;
  pair.theirs->Send(PostRequest("a=1&b=2"));

  {
    Connection connection(pair.ours);
    REQUIRE(connection.ReadParameters());
    CHECK(connection.Parameter("CONTENT_LENGTH", 64) == "7");
    CHECK(connection.Parameter("REQUEST_URI", 4) == "/bit");
    CHECK(connection.Parameter("NO_SUCH", 64).empty());
    std::array<char, 16> body{};
    CHECK(connection.Read(body.data(), body.size()) == 7);
    CHECK(std::string(body.data()) == "a=1&b=2");
    CHECK_FALSE(connection.broken());
    connection.Answer("Status: 200 OK\r\n\r\nhello");
    CHECK_FALSE(IsOpen(pair.ours));
  }

  const Answer answer = pair.theirs->Receive();
  CHECK(answer.ended);
  CHECK(answer.status == "200 OK");
  CHECK(answer.body == "hello");
}

TEST_CASE("connection: a peer that wants to keep the connection does not") {
  Pair pair;
  pair.theirs->Send(PostRequest("a=1", KeepConnection::kYes));

  {
    Connection connection(pair.ours);
    REQUIRE(connection.ReadParameters());
    connection.Answer("Status: 200 OK\r\n\r\n");
  }

  CHECK_FALSE(IsOpen(pair.ours));
  CHECK(pair.theirs->Receive().ended);
}

TEST_CASE("connection: after a broken header it is closed, and no other one accepted") {
  for (const std::string& sent :
       {std::string("GET / HTTP/1.1\r\n\r\n"), std::string(), BeginRecord(),
        BeginRecord() + std::string("\x01\x04\x00\x01", 4)}) {
    Pair pair;
    pair.theirs->Send(sent);
    pair.theirs->EndSending();

    {
      Connection connection(pair.ours);
      CHECK_FALSE(connection.ReadParameters());
    }

    CHECK_FALSE(IsOpen(pair.ours));
  }
}

TEST_CASE("connection: parameters that end between two pairs are no request") {
  Pair pair;
  const std::string whole = ParameterRecords({{"REQUEST_METHOD", "POST"}});
  pair.theirs->Send(BeginRecord() + whole.substr(0, whole.size() - 8));
  pair.theirs->EndSending();

  Connection connection(pair.ours);

  CHECK_FALSE(connection.ReadParameters());
}

TEST_CASE("connection: a peer that leaves within the body breaks it, an early end does not") {
  for (const bool leaves : {true, false}) {
    CAPTURE(leaves);
    Pair pair;
    pair.theirs->Send(BeginRecord() + ParameterRecords(PostParameters("10")) +
                      (leaves ? UnendedBody("12345") : BodyRecords("12345")));
    pair.theirs->EndSending();

    Connection connection(pair.ours);
    REQUIRE(connection.ReadParameters());
    std::array<char, 10> body{};
    CHECK(connection.Read(body.data(), body.size()) == 5);

    CHECK(connection.broken() == leaves);
  }
}

// SIGTERM is treated the same, but has a handler of doctest's while tests run.
TEST_CASE("connection: setting libfcgi up leaves SIGUSR1 alone and ignores SIGPIPE") {
  REQUIRE(InitFastCgi());

  struct sigaction user {};
  REQUIRE(sigaction(SIGUSR1, nullptr, &user) == 0);
  CHECK((user.sa_handler == SIG_DFL));
  struct sigaction pipe {};
  REQUIRE(sigaction(SIGPIPE, nullptr, &pipe) == 0);
  CHECK((pipe.sa_handler == SIG_IGN));
}
