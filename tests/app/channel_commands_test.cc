#include "app/channel_commands.h"

#include <doctest/doctest.h>

#include "app/channels.h"
#include "app/service.h"
#include "codec/json.h"
#include "tests/app/config_bench.h"
#include "tests/fakes/fake_clock.h"

namespace imrelay {
namespace {

constexpr const char* kChannels =
    "[channel]\nurl = \"https://c.example/hook?token=hush\"\n"
    "[[line]]\nname = \"desk\"\nportal = \"p1\"\nline = 7\ntype = \"telegram\"\ntoken = "
    "\"1:hush\"\n";

struct Bench {
  explicit Bench(const std::string& toml)
      : config(configured.Loaded("[database]\nurl = \"sqlite:imrelay.db\"\n" + toml)),
        service(OpenService(config)) {
    REQUIRE(service.has_value());
  }

  Result<Output> List(OutputFormat format) {
    return ListChannels(config, service->keyring, *service->store, format);
  }
  // As JSON, without blanks between.
  std::string Listed() {
    const Result<Output> list = List(OutputFormat::kJson);
    if (!list) FAIL(list.error().message);
    const Result<Tree> rows = ParseJson("{\"rows\":" + list->text + '}');
    REQUIRE(rows.has_value());
    return ToJson(*rows);
  }
  Result<Output> TurnOn(const std::string& name) {
    return TurnChannelOn(config, service->keyring, *service->store, name, clock.Now(),
                         OutputFormat::kText);
  }
  // The channel answered 410.
  void SwitchOff(const std::string& name) {
    EndpointState state;
    state.name = name;
    state.fingerprint = *FingerprintOf(config.channels.at(name), service->keyring);
    state.state = EndpointState::State::kOff;
    state.since = clock.Now();
    state.reason = "it answered 410";
    REQUIRE(service->store->SetEndpoint(state));
  }

  ConfigBench configured;
  Config config;
  Result<Service> service;
  const FakeClock clock;
};

TEST_CASE("channel commands: the list shows what serves which line, and no secret") {
  Bench bench(kChannels);

  const std::string list = bench.Listed();

  CHECK(Contains(list, R"("name":"desk","type":"telegram","host":"api.telegram.org")"));
  CHECK(Contains(list, R"("portal":"p1","line_id":"7","state":"closed","lines_waiting":"0")"));
  CHECK(Contains(list, R"("name":"default","type":"webhook","host":"c.example")"));
  CHECK_FALSE(Contains(list, "hush"));
  CHECK_FALSE(Contains(bench.List(OutputFormat::kText)->text, "hush"));
  CHECK(Contains(Bench("").Listed(), R"("state":"not configured")"));
}

TEST_CASE("channel commands: an endpoint that is off is turned on") {
  Bench bench(kChannels);
  bench.SwitchOff("");
  CHECK(Contains(bench.Listed(), R"("state":"off")"));
  CHECK(Contains(bench.Listed(), "it answered 410"));

  const Result<Output> on = bench.TurnOn("default");

  REQUIRE(on.has_value());
  CHECK(on->text == "default: on; what waits is sent now\n");
  CHECK_FALSE(Contains(bench.Listed(), R"("state":"off")"));
}

TEST_CASE("channel commands: what is remembered of another address does not count") {
  Bench bench(kChannels);
  bench.SwitchOff("");

  bench.config.channels.at("").url = "https://other.example";

  CHECK_FALSE(Contains(bench.Listed(), R"("state":"off")"));
}

TEST_CASE("channel commands: only a configured channel is turned on") {
  Bench bench(kChannels);
  for (const char* name : {"", "none", "Desk"}) {
    CAPTURE(std::string(name));
    const Result<Output> on = bench.TurnOn(name);
    REQUIRE_FALSE(on.has_value());
    CHECK(on.error().code == ErrorCode::kNotFound);
    CHECK(Contains(on.error().message, "there are: desk default"));
  }
  CHECK(Contains(Bench("").TurnOn("default").error().message, "there are: none"));
}

}  // namespace
}  // namespace imrelay
