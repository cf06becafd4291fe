#include "fastcgi/listen_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <doctest/doctest.h>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/fakes/temporary_directory.h"
#include "tests/fastcgi/client.h"

using namespace imrelay;

TEST_CASE("listen_socket: opens a UNIX socket that its owner and group can use") {
  const TemporaryDirectory directory;
  const std::string path = directory.File("s");

  const Result<int> fd = OpenListenSocket("unix:" + path);

  REQUIRE(fd);
  CHECK(IsListening(*fd));
  struct stat found {};
  REQUIRE(stat(path.c_str(), &found) == 0);
  CHECK((found.st_mode & 07777) == 0660);
  CHECK(Client(path).connected());
  close(*fd);
}

TEST_CASE("listen_socket: replaces a socket file that nobody listens on") {
  const TemporaryDirectory directory;
  const std::string where = "unix:" + directory.File("s");
  const Result<int> first = OpenListenSocket(where);
  REQUIRE(first);
  close(*first);

  const Result<int> second = OpenListenSocket(where);

  REQUIRE(second);
  CHECK(Client(directory.File("s")).connected());
  close(*second);
}

TEST_CASE("listen_socket: leaves a socket alone that another process listens on") {
  const TemporaryDirectory directory;
  const std::string where = "unix:" + directory.File("s");
  const Result<int> first = OpenListenSocket(where);
  REQUIRE(first);

  const Result<int> second = OpenListenSocket(where);

  REQUIRE_FALSE(second);
  CHECK(second.error().code == ErrorCode::kConflict);
  CHECK(second.error().message.find(where) != std::string::npos);
  CHECK(Client(directory.File("s")).connected());
  close(*first);
}

TEST_CASE("listen_socket: never replaces a file that is no socket") {
  const TemporaryDirectory directory;
  std::ofstream(directory.File("s")) << "precious";

  const Result<int> fd = OpenListenSocket("unix:" + directory.File("s"));

  REQUIRE_FALSE(fd);
  CHECK(fd.error().code == ErrorCode::kConflict);
  CHECK(std::filesystem::file_size(directory.File("s")) == 8);
}

TEST_CASE("listen_socket: opens a loopback port") {
  for (const char* where : {"127.0.0.1:0", "[::1]:0"}) {
    CAPTURE(where);
    const Result<int> fd = OpenListenSocket(where);
    if (!fd && std::string(where) == "[::1]:0") continue;  // a machine without IPv6

    REQUIRE(fd);
    CHECK(IsListening(*fd));
    close(*fd);
  }
}

TEST_CASE("listen_socket: refuses what is no address, and names it") {
  for (const std::string where : {"", "unix:", "/run/s", ":9000", "127.0.0.1:", "127.0.0.1:http",
                                  "127.0.0.1:65536", "127.0.0.1:-1", "[]:9000"}) {
    CAPTURE(where);
    const Result<int> fd = OpenListenSocket(where);

    REQUIRE_FALSE(fd);
    CHECK(fd.error().code == ErrorCode::kInvalidArgument);
    CHECK(fd.error().message.find("--listen " + where) == 0);
  }
}

TEST_CASE("listen_socket: a path too long for a socket is refused") {
  const Result<int> fd = OpenListenSocket("unix:/tmp/" + std::string(120, 'x'));

  REQUIRE_FALSE(fd);
  CHECK(fd.error().code == ErrorCode::kInvalidArgument);
}

TEST_CASE("listen_socket: a socket that cannot be made says why") {
  const TemporaryDirectory directory;
  const Result<int> fd = OpenListenSocket("unix:" + directory.File("no/such/folder"));

  REQUIRE_FALSE(fd);
  CHECK(fd.error().code == ErrorCode::kUnavailable);
  CHECK(fd.error().message.find("No such file") != std::string::npos);
}

namespace {

// Puts `fd` in the place of descriptor `place` while it lives; -1 leaves that place closed.
class Replaced {
 public:
  Replaced(int fd, int place) : place_(place), before_(dup(place)) {
    if (fd >= 0) {
      dup2(fd, place);
    } else {
      close(place);
    }
  }
  ~Replaced() {
    if (before_ >= 0) {
      dup2(before_, place_);
      close(before_);
    } else {
      close(place_);
    }
  }
  Replaced(const Replaced&) = delete;
  Replaced& operator=(const Replaced&) = delete;

 private:
  int place_;
  int before_;
};

}  // namespace

TEST_CASE("listen_socket: takes the inherited descriptor 0, else 3 as LISTEN_FDS says") {
  const TemporaryDirectory directory;
  const Result<int> fd = OpenListenSocket("unix:" + directory.File("s"));
  REQUIRE(fd);
  unsetenv("LISTEN_PID");
  unsetenv("LISTEN_FDS");

  {
    const Replaced standard_input(*fd, 0);
    const Result<int> found = InheritedListenSocket();
    CHECK((found && *found == 0));
  }
  {
    const Replaced three(*fd, 3);
    CHECK_FALSE(InheritedListenSocket());
    setenv("LISTEN_FDS", "1", 1);
    Result<int> found = InheritedListenSocket();
    CHECK((found && *found == 3));
    setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1);
    found = InheritedListenSocket();
    CHECK((found && *found == 3));
    setenv("LISTEN_PID", "1", 1);
    CHECK_FALSE(InheritedListenSocket());
    setenv("LISTEN_PID", "x", 1);
    CHECK_FALSE(InheritedListenSocket());
    unsetenv("LISTEN_PID");
    setenv("LISTEN_FDS", "0", 1);
    CHECK_FALSE(InheritedListenSocket());
    unsetenv("LISTEN_FDS");
  }
  close(*fd);
}
