// Several processes with many threads each, against the stand-in.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "http/client.h"
#include "install/portal_api.h"
#include "tests/install/tokens_bench.h"
#include "tests/portal/stand_in.h"

namespace imrelay {
namespace {

// A tokens_racer that was started.
class Racer {
 public:
  explicit Racer(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), IMRELAY_TOKENS_RACER);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    int in[2];
    int out[2];
    REQUIRE(pipe2(in, O_CLOEXEC) == 0);
    REQUIRE(pipe2(out, O_CLOEXEC) == 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    REQUIRE(posix_spawn(&process_, argv[0], &actions, nullptr, argv.data(), environ) == 0);
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    close(out[1]);
    in_ = in[1];
    out_ = out[0];
  }
  ~Racer() {
    close(in_);
    close(out_);
    if (process_ > 0) waitpid(process_, nullptr, 0);
  }
  Racer(const Racer&) = delete;
  Racer& operator=(const Racer&) = delete;

  // The next line it prints; empty at its end.
  std::string Line() {
    std::string line;
    char c = 0;
    while (read(out_, &c, 1) == 1 && c != '\n') line.push_back(c);
    return line;
  }
  void Start() { REQUIRE(write(in_, "x", 1) == 1); }
  // Its exit status, or 128 and the signal that ended it.
  int Wait() {
    int status = 0;
    REQUIRE(waitpid(process_, &status, 0) == process_);
    process_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  pid_t process_ = -1;
  int in_ = -1;
  int out_ = -1;
};

struct Bench : PortalBench {
  Bench() {
    REQUIRE(portal);
    Install();
  }
  // A posted installation that was proven: the pair is the stand-in's.
  void Install() {
    TokenHolder holder;
    holder.member_id = "m1";
    const TokenPair pair = portal->Issue(std::move(holder));
    Accept(Post("m1", 'a'), "m1", pair.access_token, pair.refresh_token, portal->ClientEndpoint(),
           portal->Url());
    // The bench's clock stands still years ago or ahead; the racers have the real one.
    SetExpiry(3600);
  }
  void SetExpiry(int seconds) {
    REQUIRE(RawDatabase(path()).Execute("UPDATE portal SET token_expires_at = unixepoch() + " +
                                        std::to_string(seconds)));
  }
  std::string Directory() const { return std::filesystem::path(path()).parent_path().string(); }
  int Refreshes() const {
    int refreshes = 0;
    for (const StandIn::Request& request : portal->Seen()) {
      if (request.path.starts_with("/oauth/token")) ++refreshes;
    }
    return refreshes;
  }
  // What three processes of 34 threads each come to.
  void Race() {
    std::vector<std::unique_ptr<Racer>> racers;
    for (int i = 0; i < 3; ++i) {
      racers.push_back(
          std::make_unique<Racer>(std::vector<std::string>{Directory(), portal->Url(), "34"}));
    }
    for (const auto& racer : racers) REQUIRE(racer->Line() == "ready");
    for (const auto& racer : racers) racer->Start();
    for (const auto& racer : racers) CHECK(racer->Line() == "34");
    for (const auto& racer : racers) CHECK(racer->Wait() == 0);
  }
  // One call of this process, in a word.
  std::string Call() {
    const SystemClock now;
    const std::unique_ptr<HttpClient> http = MakeCurlClient({true});
    AuthorizationServer server(*http, {portal->Url()});
    PortalCalls calls(*http, now);
    RateLimit rate_limit(Directory() + "/calls", {}, now);
    Tokens tokens(portals, keyring, server, {{"", {"demo-client", Secret("demo-secret")}}},
                  Directory() + "/tokens", now);
    const CallResult answer = PortalApi(tokens, calls, rate_limit, portals, now)
                                  .Send(MemberId("m1"), {"profile"}, std::chrono::seconds(5));
    return answer ? "done" : answer.error().word;
  }

  std::unique_ptr<StandIn> portal = StandIn::Start({});
};

TEST_CASE("tokens race: a hundred threads in three processes refresh an expired token once") {
  Bench bench;
  bench.SetExpiry(-60);
  bench.portal->ExpireAccess("m1");

  bench.Race();

  CHECK(bench.Refreshes() == 1);
  CHECK(bench.Row().chain == 2);
  CHECK(bench.Row().status == PortalStatus::kActive);
}

TEST_CASE("tokens race: the same where only the portal knows that it has expired") {
  Bench bench;
  bench.portal->ExpireAccess("m1");

  bench.Race();

  CHECK(bench.Refreshes() == 1);
  CHECK(bench.Row().chain == 2);
}

TEST_CASE("tokens race: killed before the commit, the portal is dead and says so, until healed") {
  Bench bench;
  bench.SetExpiry(-60);
  {
    Racer racer({bench.Directory(), bench.portal->Url(), "5", "crash"});
    REQUIRE(racer.Line() == "ready");
    racer.Start();
    CHECK(racer.Wait() == 128 + SIGKILL);
  }
  CHECK(bench.Refreshes() == 1);
  CHECK(bench.Row().status == PortalStatus::kActive);

  CHECK(bench.Call() == "token_dead");

  CHECK(bench.Show("SELECT status FROM portals") == "dead");
  CHECK(bench.Row().dead_reason == "invalid_grant");
  CHECK(bench.Call() == "token_dead");
  CHECK(bench.Refreshes() == 2);

  bench.Install();
  CHECK(bench.Show("SELECT status FROM portals") == "active");
  CHECK(bench.Call() == "done");
}

}  // namespace
}  // namespace imrelay
