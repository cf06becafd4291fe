// The prover against the stand-in, over real sockets.
#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "http/client.h"
#include "install/prover.h"
#include "tests/install/proof_bench.h"
#include "tests/portal/stand_in.h"

namespace imrelay {
namespace {

using State = FakeStore::State;
using Fault = StandIn::Fault;

struct Bench : ProofBench {
  Bench() {
    REQUIRE(portal);
    Restart();
  }
  void Restart() {
    prover.emplace(store, keyring, server, calls,
                   Applications{{"", {"demo-client", Secret("demo-secret")}}}, clock);
  }
  TokenPair Issue(bool admin = true) {
    TokenHolder holder;
    holder.member_id = "m1";
    holder.scope = "imopenlines";
    holder.admin = admin;
    return portal->Issue(std::move(holder));
  }
  InstallationId PostPair(const TokenPair& pair) {
    return Post("m1", pair.access_token, pair.refresh_token, portal->ClientEndpoint());
  }
  // Proves once, an hour after the last time.
  void ProveLater() {
    clock.Advance(std::chrono::hours(1));
    const Result<bool> proved = prover->ProveOne();
    REQUIRE(proved.has_value());
    REQUIRE(*proved);
  }
  std::vector<std::string> Paths() const {
    std::vector<std::string> paths;
    for (const StandIn::Request& request : portal->Seen()) paths.push_back(request.path);
    return paths;
  }

  // Whether a refresh ends the former access token is not documented; here it does not, for the
  // proof by it.
  static std::unique_ptr<StandIn> StartStandIn() {
    StandIn::Options options;
    options.former_access_lives = true;
    return StandIn::Start(options);
  }

  std::unique_ptr<StandIn> portal = StartStandIn();
  std::unique_ptr<HttpClient> http = MakeCurlClient({true});
  AuthorizationServer server{*http, {portal->Url()}};
  PortalCalls calls{*http, clock};
  std::optional<Prover> prover;
};

TEST_CASE("prover with the stand-in: proves an installation and gets tokens that work") {
  Bench bench;
  const TokenPair pair = bench.Issue();
  const InstallationId id = bench.PostPair(pair);

  bench.ProveLater();

  REQUIRE(bench.store[id].state == State::kAccepted);
  const ProvenInstallation& proven = bench.store[id].proven;
  CHECK(proven.client_endpoint == bench.portal->ClientEndpoint());
  CHECK("http://" + proven.domain + "/rest/" == bench.portal->ClientEndpoint());
  const Secret access(bench.Opened("access_token", "m1", proven.sealed_access_token));
  CHECK(access.Reveal() != pair.access_token);
  CHECK(bench.calls.Profile(proven.client_endpoint, access).value().administrator);
  const Secret refresh(bench.Opened("refresh_token", "m1", proven.sealed_refresh_token));
  CHECK(bench.server.Refresh({"demo-client", Secret("demo-secret")}, refresh, "").has_value());
}

TEST_CASE("prover with the stand-in: refuses a replay, and an installer who is no administrator") {
  Bench bench;
  const TokenPair pair = bench.Issue();
  const InstallationId first = bench.PostPair(pair);
  bench.ProveLater();
  const InstallationId replay = bench.PostPair(pair);
  bench.ProveLater();
  const InstallationId user = bench.PostPair(bench.Issue(false));
  bench.ProveLater();

  CHECK(bench.store[first].state == State::kAccepted);
  CHECK(bench.store[replay].state == State::kRefused);
  CHECK(bench.store[replay].reason == "invalid_grant");
  CHECK(bench.store[user].state == State::kRefused);
  CHECK(bench.store[user].reason == "not_admin");
}

TEST_CASE("prover with the stand-in: a lost answer leaves a portal that must be opened again") {
  Bench bench;
  const InstallationId id = bench.PostPair(bench.Issue());
  bench.portal->SetFault("token", Fault::kDropAfter);

  bench.ProveLater();
  CHECK(bench.store[id].state == State::kWaiting);
  bench.Restart();
  bench.ProveLater();

  REQUIRE(bench.store[id].state == State::kAccepted);
  CHECK(bench.store[id].proven.sealed_refresh_token.empty());
  CHECK(bench.Paths() == std::vector<std::string>{"/oauth/token/", "/oauth/token/",
                                                  "/rest/app.info", "/rest/profile"});
}

TEST_CASE("prover with the stand-in: a server that was away is asked again, nothing is lost") {
  Bench bench;
  const InstallationId id = bench.PostPair(bench.Issue());
  bench.portal->SetFault("token", Fault::kDown);
  bench.portal->SetFault("profile", Fault::kHttp500);

  bench.ProveLater();
  CHECK(bench.store[id].state == State::kWaiting);
  bench.ProveLater();
  CHECK(bench.store[id].state == State::kWaiting);
  bench.ProveLater();

  REQUIRE(bench.store[id].state == State::kAccepted);
  CHECK_FALSE(bench.store[id].proven.sealed_refresh_token.empty());
}

}  // namespace
}  // namespace imrelay
