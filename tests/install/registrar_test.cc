#include "install/registrar.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "install/upkeep.h"
#include "tests/install/registrar_bench.h"

namespace imrelay {
namespace {

using Bench = RegistrarBench;
using std::chrono::seconds;

constexpr const char* kNamedUrl = "https://relay.example/bitrix24/second/event";

TEST_CASE("registrar: names where Bitrix24 reaches an application") {
  CHECK(HandlerUrl(Settings(), "", "event") == kUrl);
  CHECK(HandlerUrl(Settings(), "second", "event") == kNamedUrl);
  CHECK(HandlerUrl(Settings(), "", "settings") == "https://relay.example/bitrix24/settings");
}

TEST_CASE("registrar: registers a new portal whole, and keeps that it did") {
  Bench bench;

  const std::vector<Step> steps = bench.Ensure();

  CHECK(AllDone(steps));
  CHECK(steps.size() == 1 + std::size(kOnlineEvents) + std::size(kOfflineEvents));
  bench.CheckAllBound(kUrl);
  CHECK(bench.http.calls.front() == "imconnector.register");
  CHECK(bench.http.bodies.front().find("https://relay.example/bitrix24/settings") !=
        std::string::npos);
  const Registration recorded = bench.Recorded();
  CHECK(recorded.fingerprint == bench.registrar.Fingerprint(""));
  CHECK(recorded.done_at == bench.clock.Now());
  CHECK(recorded.problem.empty());
  CHECK_FALSE(bench.IsDueAt(bench.clock.Now() + kUpkeepEvery - seconds(1)));
  CHECK(bench.IsDueAt(bench.clock.Now() + kUpkeepEvery));
}

TEST_CASE("registrar: a second time changes nothing and binds nothing") {
  Bench bench;
  bench.Ensure();
  bench.http.calls.clear();

  CHECK(AllDone(bench.Ensure()));

  CHECK(bench.http.calls == std::vector<std::string>{"imconnector.register", "event.get"});
  bench.CheckAllBound(kUrl);
}

TEST_CASE("registrar: a named application has addresses of its own") {
  Bench bench;
  bench.portal.application = "second";

  CHECK(AllDone(bench.Ensure()));

  bench.CheckAllBound(kNamedUrl);
  CHECK(bench.http.bodies.front().find("https://relay.example/bitrix24/second/settings") !=
        std::string::npos);
}

TEST_CASE("registrar: binds what is missing only") {
  Bench bench;
  bench.Ensure();
  std::erase_if(bench.http.rows, [](const EventHandler& row) {
    return row.event == "ONAPPTEST" || (row.offline && row.event == "ONIMCONNECTORMESSAGEDELETE");
  });
  bench.http.calls.clear();

  CHECK(AllDone(bench.Ensure()));

  CHECK(bench.http.Count("event.bind") == 2);
  bench.CheckAllBound(kUrl);
}

TEST_CASE("registrar: an address that is ours in another spelling is ours") {
  Bench bench;
  bench.Ensure();
  for (EventHandler& row : bench.http.rows) {
    if (!row.offline) row.url = "https://Relay.Example:443/bitrix24/event";
  }
  bench.http.calls.clear();

  CHECK(AllDone(bench.Ensure()));

  CHECK(bench.http.Count("event.bind") == 0);
  CHECK(bench.http.Count("event.unbind") == 0);
}

TEST_CASE("registrar: knows its former addresses from those of others") {
  struct Case {
    const char* url;
    bool stale;
  };
  const std::vector<Case> cases = {
      {"https://old.example/bitrix24/event", true},
      {"http://old.example:8080/bitrix24/event", true},
      {"https://old.example/prefix/bitrix24/event", true},
      {"https://relay.example/bitrix24/second/event", true},
      {"https://relay.example/bitrix24/a-b_9/event", true},
      {"https://relay.example/bitrix24/A/event", false},
      {"https://relay.example/bitrix24//event", false},
      {"https://relay.example/bitrix24/a/b/event", false},
      {"https://relay.example/bitrix24/event/", false},
      {"https://relay.example/bitrix24/event?x=1", false},
      {"https://relay.example/bitrix24/events", false},
      {"https://relay.example/event", false},
      {"https://relay.example/a/event", false},
      {"https://relay.example/mybitrix24/event", false},
      {"https://crm.example/hook.php", false},
      {"https://crm.example/bitrix24event", false},
      {"not a url/bitrix24/event", false},
      {"", false},
  };
  for (const Case& c : cases) {
    CAPTURE(c.url);
    Bench bench;
    bench.Ensure();
    bench.http.Bind("ONCRMLEADADD", c.url);

    const CallResultOf<Bindings> before = bench.registrar.Inspect(bench.portal, kPatience);
    CHECK(AllDone(bench.Ensure()));
    const CallResultOf<Bindings> after = bench.registrar.Inspect(bench.portal, kPatience);

    REQUIRE(before.has_value());
    CHECK(before->stale.size() == (c.stale ? 1 : 0));
    CHECK(before->others.size() == (c.stale ? 0 : 1));
    CHECK(bench.http.Count("event.unbind") == (c.stale ? 1 : 0));
    REQUIRE(after.has_value());
    CHECK(after->stale.empty());
    CHECK(after->others == before->others);
  }
}

TEST_CASE("registrar: moves to a new address without a gap") {
  Bench bench;
  for (const std::string_view event : kOnlineEvents) {
    bench.http.Bind(std::string(event), "https://old.example/bitrix24/event");
  }

  const std::vector<Step> steps = bench.Ensure();

  CHECK(AllDone(steps));
  CHECK(WordOf(steps, "stale ONAPPTEST https://old.example/bitrix24/event") == "done");
  bench.CheckAllBound(kUrl);
  const std::vector<std::string>& calls = bench.http.calls;
  const auto unbound = std::find_if(calls.begin(), calls.end(), [](const std::string& call) {
    return call.starts_with("event.unbind");
  });
  CHECK(std::none_of(unbound, calls.end(),
                     [](const std::string& call) { return call.starts_with("event.bind"); }));
}

TEST_CASE("registrar: of an event that is bound for several users one row stays") {
  struct Case {
    std::vector<std::string> bound;
    std::string kept;
  };
  const std::vector<Case> cases = {{{"0"}, "0"},
                                   {{"15"}, "15"},
                                   {{"0", "15"}, "0"},
                                   {{"15", "0", "7"}, "0"},
                                   {{"15", "7"}, "15"}};
  for (const Case& c : cases) {
    CAPTURE(c.kept);
    Bench bench;
    for (const std::string& user : c.bound) bench.http.Bind("ONAPPTEST", kUrl, user);

    CHECK(AllDone(bench.Ensure()));

    bench.CheckAllBound(kUrl);
    CHECK(bench.http.rows.front().auth_type == c.kept);
  }
}

TEST_CASE("registrar: an address of others is shown without its query, and fit for a log") {
  Bench bench;
  bench.http.Bind("ONCRMLEADADD", "https://crm.example/hook?key=secret");
  bench.http.Bind("ONCRMLEADADD", "https://crm.example/\x1b[31m" + std::string(1000, 'x'));

  const CallResultOf<Bindings> bindings = bench.registrar.Inspect(bench.portal, kPatience);

  REQUIRE(bindings.has_value());
  REQUIRE(bindings->others.size() == 2);
  CHECK(bindings->others[0] == "ONCRMLEADADD https://crm.example/hook");
  CHECK(bindings->others[1].starts_with("ONCRMLEADADD https://crm.example/?[31mxx"));
  CHECK(bindings->others[1].size() == 200);
}

TEST_CASE("registrar: looks without changing anything") {
  Bench bench;
  bench.http.Bind("ONAPPTEST", kUrl);
  bench.http.Bind("ONIMCONNECTORMESSAGEADD", "", "0", true);

  const CallResultOf<Bindings> bindings = bench.registrar.Inspect(bench.portal, kPatience);

  REQUIRE(bindings.has_value());
  CHECK(bindings->missing.size() == std::size(kOnlineEvents) - 1);
  CHECK(bindings->missing_offline ==
        std::vector<std::string>{"ONIMCONNECTORMESSAGEUPDATE", "ONIMCONNECTORMESSAGEDELETE"});
  CHECK(bench.http.calls == std::vector<std::string>{"event.get"});
  CHECK(bench.Recorded().fingerprint.empty());
}

}  // namespace
}  // namespace imrelay
