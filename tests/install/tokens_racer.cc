// One of several processes that want to call a portal at once:
//   tokens_racer DIRECTORY SERVER_URL THREADS [crash]
// uses the database and key file in the directory. Says "ready", starts at the first byte on
// standard input, and prints how many calls succeeded. With "crash" it is killed between the answer
// of the authorization server and the commit of the new pair.
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "http/client.h"
#include "install/portal_api.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/fakes/forwarding_portal_store.h"

namespace imrelay {
namespace {

struct KilledStore : ForwardingPortalStore {
  using ForwardingPortalStore::ForwardingPortalStore;
  Result<bool> ReplaceTokens(PortalId, std::int64_t, const ProvenInstallation&,
                             TimePoint) override {
    raise(SIGKILL);
    return false;
  }
};

int Race(const std::string& directory, const std::string& server_url, int threads, bool crash) {
  const Result<Keyring> keyring = Keyring::Open(directory + "/imrelay.db-key");
  Result<std::unique_ptr<SqliteStore>> store = SqliteStore::OpenExisting(directory + "/imrelay.db");
  if (!keyring || !store) return 2;
  KilledStore killed(**store);
  PortalStore& portals = crash ? static_cast<PortalStore&>(killed) : **store;
  const SystemClock clock;
  const std::unique_ptr<HttpClient> http = MakeCurlClient({true});
  AuthorizationServer server(*http, {server_url});
  PortalCalls calls(*http, clock);
  RateLimit rate_limit(directory + "/calls", {1000, 1000}, clock);
  Tokens tokens(portals, *keyring, server, {{"", {"demo-client", Secret("demo-secret")}}},
                directory + "/tokens", clock);
  PortalApi api(tokens, calls, rate_limit, portals, clock);

  std::puts("ready");
  std::fflush(stdout);
  if (std::getchar() == EOF) return 2;
  std::atomic<int> succeeded = 0;
  std::vector<std::thread> racing;
  for (int i = 0; i < threads; ++i) {
    racing.emplace_back([&] {
      const CallResult answer = api.Send(MemberId("m1"), {"profile"}, std::chrono::seconds(60));
      if (answer) {
        ++succeeded;
      } else {
        std::fprintf(stderr, "%s\n", answer.error().word.c_str());
      }
    });
  }
  for (std::thread& thread : racing) thread.join();
  std::printf("%d\n", succeeded.load());
  return 0;
}

}  // namespace
}  // namespace imrelay

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  return imrelay::Race(argv[1], argv[2], std::atoi(argv[3]), argc > 4);
}
