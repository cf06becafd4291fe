#include "fastcgi/lobby.h"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <condition_variable>
#include <memory>
#include <vector>

#include "tests/fastcgi/client.h"

using namespace imrelay;
using namespace std::chrono_literals;

namespace {

// Remembers who left, and how.
class Exits {
 public:
  Lobby::Leave Note(std::vector<int>& list) {
    return [this, &list](int fd) {
      const std::lock_guard lock(mutex_);
      list.push_back(fd);
      changed_.notify_all();
    };
  }
  // Waits until so many left complete.
  bool Await(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 10s, [&] { return complete.size() >= count; });
  }

  // Who left complete so far.
  std::vector<int> Complete() {
    const std::lock_guard lock(mutex_);
    return complete;
  }

  std::vector<int> complete;
  std::vector<int> large;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
};

struct Peers {
  // A connection in the lobby; its other end stays open.
  int Enter(Lobby& lobby) {
    std::array<int, 2> fds{};
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds.data()) == 0);
    ours.push_back(fds[0]);
    theirs.push_back(std::make_unique<Client>(fds[1]));
    lobby.Enter(fds[0]);
    return fds[0];
  }
  ~Peers() {
    for (const int fd : ours) close(fd);
  }
  std::vector<int> ours;
  std::vector<std::unique_ptr<Client>> theirs;
};

}  // namespace

TEST_CASE("lobby: whoever has brought all leaves, in whatever order") {
  Peers peers;
  Exits exits;
  {
    Lobby lobby({10s, 10s}, exits.Note(exits.complete), exits.Note(exits.large));
    const int first = peers.Enter(lobby);
    const int second = peers.Enter(lobby);

    peers.theirs[1]->Send(PostRequest("a=1"));
    REQUIRE(exits.Await(1));
    const std::string request = PostRequest("a=2");
    peers.theirs[0]->Send(request.substr(0, 20));
    peers.theirs[0]->Send(request.substr(20));
    REQUIRE(exits.Await(2));

    CHECK(exits.Complete() == std::vector<int>{second, first});
  }
  CHECK(exits.large.empty());
}

TEST_CASE("lobby: a silent guest and one that trickles have to go in time") {
  Peers peers;
  Exits exits;
  Lobby lobby({100ms, 300ms}, exits.Note(exits.complete), exits.Note(exits.large));
  const int silent = peers.Enter(lobby);
  const int trickling = peers.Enter(lobby);

  const std::string request = PostRequest(std::string(200, 'x'));
  for (std::size_t i = 0; i < 60 && peers.theirs[1]->Send(request.substr(i, 1)); ++i) {
    std::this_thread::sleep_for(10ms);
  }

  REQUIRE(exits.Await(2));
  CHECK(exits.Complete() == std::vector<int>{silent, trickling});
}

TEST_CASE("lobby: when it is full those that were silent longest have to go") {
  rlimit descriptors{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &descriptors) == 0);
  REQUIRE(descriptors.rlim_max >= 4096);
  descriptors.rlim_cur = descriptors.rlim_max;
  REQUIRE(setrlimit(RLIMIT_NOFILE, &descriptors) == 0);
  Peers peers;
  Exits exits;
  Lobby lobby({10s, 10s}, exits.Note(exits.complete), exits.Note(exits.large));
  std::vector<int> first;
  for (int i = 0; i < 1030; ++i) {
    const int fd = peers.Enter(lobby);
    if (i < 6) first.push_back(fd);
  }

  REQUIRE(exits.Await(6));
  std::this_thread::sleep_for(250ms);

  CHECK(exits.Complete() == first);
  for (const auto& peer : peers.theirs) peer->Close();
}
