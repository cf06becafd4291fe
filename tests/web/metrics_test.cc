#include "web/metrics.h"

#include <doctest/doctest.h>

#include "tests/store/channel_store_bench.h"

namespace imrelay {
namespace {

// "name{label=value,…} value", a line each.
std::string Lines(const std::vector<Level>& levels) {
  std::string lines;
  for (const Level& level : levels) {
    lines += level.name + '{';
    for (const auto& [label, value] : level.labels) lines += label + '=' + value + ',';
    lines += "} " + std::to_string(static_cast<long long>(level.value)) + '\n';
  }
  return lines;
}

TEST_CASE("metrics: the levels tell portals, queues, dead letters and channels") {
  ChannelStoreBench bench;
  auto& store = static_cast<SqliteStore&>(bench.store());
  REQUIRE(bench.Do("m1", Created(11)) == "accepted");
  REQUIRE(bench.Do("m1", Created(12)) == "accepted");
  bench.End(1, "failed");
  const TimePoint now = bench.clock.Now();
  REQUIRE(store.SetEndpoint({"", "f", EndpointState::State::kOff, 1, now, now, "410"}));
  REQUIRE(store.SetEndpoint({"b", "f", EndpointState::State::kOpen, 1, now, now, "refused"}));
  REQUIRE(store.SetEndpoint({"moved", "old", EndpointState::State::kOff, 1, now, now, "410"}));
  REQUIRE(store.SetEndpoint({"gone", "f", EndpointState::State::kOff, 1, now, now, "410"}));
  const std::vector<ChannelAddress> channels = {
      {"", "f"}, {"b", "f"}, {"moved", "new"}, {"well", "f"}};

  const Result<std::vector<Level>> levels =
      FindLevels({store, store, store}, channels, now + std::chrono::minutes(1));

  REQUIRE(levels.has_value());
  CHECK(Lines(*levels) ==
        "imrelay_portals{status=active,} 1\n"
        "imrelay_portals{status=dead,} 0\n"
        "imrelay_portals{status=pending,} 0\n"
        "imrelay_portals{status=uninstalled,} 0\n"
        "imrelay_portal_last_event_age_seconds{member_id=m1,} 60\n"
        "imrelay_portal_token_expires_seconds{member_id=m1,} 15551940\n"
        "imrelay_queue_length{member_id=m1,target=channel,} 1\n"
        "imrelay_queue_oldest_age_seconds{member_id=m1,target=channel,} 60\n"
        "imrelay_deliveries_failed{} 1\n"
        "imrelay_messages_undeletable{} 0\n"
        "imrelay_channel_state{channel=default,state=off,} 1\n"
        "imrelay_channel_state{channel=b,state=open,} 1\n"
        "imrelay_channel_state{channel=moved,state=closed,} 1\n"
        "imrelay_channel_state{channel=well,state=closed,} 1\n");
  for (const Level& level : *levels) {
    CHECK(MetricsAnswer(*levels).body.find("# TYPE " + level.name + " gauge\n") !=
          std::string::npos);
  }
}

}  // namespace
}  // namespace imrelay
