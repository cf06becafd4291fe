#include "fastcgi/arrival.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <string>

#include "tests/fastcgi/client.h"

using namespace imrelay;

namespace {

// Two ends of a connection.
struct Pair {
  Pair() {
    std::array<int, 2> fds{};
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds.data()) == 0);
    ours = fds[0];
    theirs = std::make_unique<Client>(fds[1]);
  }
  ~Pair() { close(ours); }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  int ours = -1;
  std::unique_ptr<Client> theirs;
};

}  // namespace

TEST_CASE("arrival: a request is complete with its last byte, and not before") {
  const std::string request = PostRequest("a=1");
  Pair pair;
  CHECK(LookAt(pair.ours) == Arrival::kNothing);

  for (std::size_t i = 0; i + 1 < request.size(); ++i) {
    REQUIRE(pair.theirs->Send(request.substr(i, 1)));
    CHECK(LookAt(pair.ours) == Arrival::kPart);
  }
  REQUIRE(pair.theirs->Send(request.substr(request.size() - 1)));

  CHECK(LookAt(pair.ours) == Arrival::kComplete);
  std::string read(2 * request.size(), '\0');
  CHECK(recv(pair.ours, read.data(), read.size(), 0) == static_cast<ssize_t>(request.size()));
}

TEST_CASE("arrival: what more bytes would not make a request is complete") {
  Pair gone;
  gone.theirs->Close();
  CHECK(LookAt(gone.ours) == Arrival::kComplete);

  Pair garbage;
  REQUIRE(garbage.theirs->Send("GET / HTTP/1.1\r\n"));
  CHECK(LookAt(garbage.ours) == Arrival::kComplete);
}

TEST_CASE("arrival: a request beyond 16 KiB is large until it is complete") {
  Pair pair;
  REQUIRE(pair.theirs->Send(BeginRecord() + ParameterRecords(PostParameters("90000"))));
  REQUIRE(pair.theirs->Send(UnendedBody(std::string(17'000, 'x'))));

  CHECK(LookAt(pair.ours) == Arrival::kLarge);
}
