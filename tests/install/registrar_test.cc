#include "install/registrar.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "base/file_lock.h"
#include "install/upkeep.h"
#include "tests/fakes/forwarding_portal_store.h"
#include "tests/install/scripted_portal.h"
#include "tests/install/tokens_bench.h"

namespace imrelay {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr const char* kUrl = "https://relay.example/bitrix24/event";
constexpr const char* kNamedUrl = "https://relay.example/bitrix24/second/event";
constexpr milliseconds kPatience{5000};

ConnectorSettings Settings() { return {"relay", "The relay", "", "https://relay.example"}; }

// A store that can be away when something is to be kept.
struct ReadOnlyStore : ForwardingPortalStore {
  using ForwardingPortalStore::ForwardingPortalStore;
  Status RecordRegistration(PortalId id, const Registration& done, TimePoint now,
                            TimePoint next) override {
    if (full) return Fail(ErrorCode::kUnavailable, "the database is full");
    return ForwardingPortalStore::RecordRegistration(id, done, now, next);
  }
  Status SetLine(PortalId id, const ConnectorId& connector, LineId line, bool active,
                 TimePoint now) override {
    if (full) return Fail(ErrorCode::kUnavailable, "the database is full");
    return ForwardingPortalStore::SetLine(id, connector, line, active, now);
  }
  bool full = false;
};

// A portal that installed us, and everything a registrar needs.
struct Bench : PortalBench {
  explicit Bench(ConnectorSettings settings = Settings())
      : registrar(api, disk, std::move(settings), path() + "-lock", clock) {
    InstallPortal();
    portal = Row();
  }

  std::vector<Step> Ensure() { return registrar.Ensure(portal, kPatience); }
  Registration Recorded() {
    const Result<Registration> found = portals.FindRegistration(portal.id);
    REQUIRE(found.has_value());
    return *found;
  }
  bool IsDueAt(TimePoint time) {
    const auto due = portals.DueForUpkeep(time, 10);
    REQUIRE(due.has_value());
    return !due->empty();
  }
  std::string Lines() { return Show("SELECT member_id, connector, line_id, status FROM lines"); }
  // Everything is bound, and to nothing else.
  void CheckAllBound(const std::string& url) {
    std::vector<std::string> bound;
    std::vector<std::string> wanted;
    for (const EventHandler& row : http.rows) bound.push_back(row.event + ' ' + row.url);
    for (const std::string_view event : kOnlineEvents) {
      wanted.push_back(std::string(event) + ' ' + url);
    }
    for (const std::string_view event : kOfflineEvents) wanted.push_back(std::string(event) + ' ');
    std::sort(bound.begin(), bound.end());
    std::sort(wanted.begin(), wanted.end());
    CHECK(bound == wanted);
  }

  ReadOnlyStore disk{portals};
  ScriptedPortal http;
  AuthorizationServer server{http, {"https://auth.example"}};
  Tokens tokens{portals,          keyring, server, {{"", {"our-id", Secret("our-secret")}}},
                path() + "-lock", clock};
  PortalCalls calls{http, clock};
  RateLimit rate_limit{path() + "-rate", {100, 1000}, clock};
  PortalApi api{tokens, calls, rate_limit, portals, clock};
  PortalAccess portal;
  Registrar registrar;
};

const Step* Find(const std::vector<Step>& steps, const std::string& what) {
  const auto found =
      std::find_if(steps.begin(), steps.end(), [&](const Step& step) { return step.what == what; });
  return found == steps.end() ? nullptr : &*found;
}

std::string WordOf(const std::vector<Step>& steps, const std::string& what) {
  const Step* step = Find(steps, what);
  if (step == nullptr) return "no such step";
  return step->done ? "done" : step->word;
}

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

TEST_CASE("registrar: a step that fails keeps no other from being tried") {
  Bench bench;
  const std::pair<int, std::string> denied = {401, R"({"error":"ACCESS_DENIED"})"};
  bench.http.Bind("ONAPPTEST", "https://old.example/bitrix24/event");
  bench.http.faults["imconnector.register"] = {
      200, R"({"result":{"result":false,"error":"APPLICATION_REGISTRATION_ERROR"}})"};
  bench.http.faults["event.bind ONIMCONNECTORLINEDELETE"] = {
      400, R"({"error":"ERROR_EVENT_NOT_FOUND"})"};
  bench.http.faults["event.bind ONIMCONNECTORMESSAGEADD offline"] = denied;
  bench.http.faults["event.unbind ONAPPTEST"] = denied;

  const std::vector<Step> steps = bench.Ensure();

  CHECK(WordOf(steps, "connector") == "application_registration_error");
  CHECK(WordOf(steps, "event ONIMCONNECTORLINEDELETE") == "error_event_not_found");
  CHECK(WordOf(steps, "event ONAPPTEST") == "done");
  CHECK(WordOf(steps, "offline ONIMCONNECTORMESSAGEADD") == "access_denied");
  CHECK(WordOf(steps, "offline ONIMCONNECTORMESSAGEDELETE") == "done");
  CHECK(WordOf(steps, "stale ONAPPTEST https://old.example/bitrix24/event") == "access_denied");
  const Registration recorded = bench.Recorded();
  CHECK(recorded.problem == "connector: application_registration_error");
  CHECK(recorded.fingerprint.empty());
  CHECK(recorded.done_at == std::nullopt);
  CHECK(bench.IsDueAt(bench.clock.Now() + minutes(60)));

  bench.http.faults.clear();
  CHECK(AllDone(bench.Ensure()));
  CHECK(bench.Recorded().problem.empty());
}

TEST_CASE("registrar: a failure leaves what is known of the last registration") {
  Bench bench;
  bench.Ensure();
  const Registration before = bench.Recorded();
  bench.http.faults["imconnector.register"] = {400, R"({"error":"ICON_REQUIRED"})"};
  bench.clock.Advance(seconds(10));

  bench.Ensure();

  CHECK(bench.Recorded().fingerprint == before.fingerprint);
  CHECK(bench.Recorded().done_at == before.done_at);
  CHECK(bench.Recorded().problem == "connector: icon_required");
}

TEST_CASE("registrar: goes on where the list of handlers is not told") {
  Bench bench;
  bench.Ensure();
  bench.http.faults["event.get"] = {404, R"({"error":"ERROR_METHOD_NOT_FOUND"})"};

  const std::vector<Step> steps = bench.Ensure();

  CHECK(WordOf(steps, "events") == "error_method_not_found");
  CHECK(WordOf(steps, "event ONAPPTEST") == "done");  // it is bound already
  bench.CheckAllBound(kUrl);
}

TEST_CASE("registrar: stops where the portal is away, and is due again soon") {
  Bench bench;
  bench.http.faults["event.bind ONIMCONNECTORMESSAGEUPDATE"] = {0, ""};

  // With no patience nothing is repeated.
  const std::vector<Step> steps = bench.registrar.Ensure(bench.portal, milliseconds(0));

  REQUIRE(steps.size() == 3);
  CHECK(WordOf(steps, "connector") == "done");
  CHECK(WordOf(steps, "event ONIMCONNECTORMESSAGEADD") == "done");
  CHECK(steps.back().what == "event ONIMCONNECTORMESSAGEUPDATE");
  CHECK(steps.back().word == "no_answer");
  CHECK(bench.Recorded().problem == "event ONIMCONNECTORMESSAGEUPDATE: no_answer");
  CHECK(bench.IsDueAt(bench.clock.Now() + minutes(5)));
}

TEST_CASE("registrar: comes back when the portal says so") {
  Bench bench;
  bench.http.faults["imconnector.register"] = {401, R"({"error":"OVERLOAD_LIMIT"})"};

  const std::vector<Step> steps = bench.registrar.Ensure(bench.portal, milliseconds(0));

  CHECK(steps.size() == 1);
  CHECK_FALSE(bench.IsDueAt(bench.clock.Now() + minutes(59)));
  CHECK(bench.IsDueAt(bench.clock.Now() + minutes(60)));
}

TEST_CASE("registrar: without a public address nothing is asked") {
  ConnectorSettings settings = Settings();
  settings.public_url.clear();
  Bench bench(settings);

  const std::vector<Step> steps = bench.Ensure();
  const CallResultOf<Bindings> bindings = bench.registrar.Inspect(bench.portal, kPatience);

  REQUIRE(steps.size() == 1);
  CHECK_FALSE(AllDone(steps));
  CHECK(steps[0].word == "no_public_url");
  CHECK(bench.Recorded().problem == "public_url: no_public_url");
  REQUIRE_FALSE(bindings.has_value());
  CHECK(bindings.error().word == "no_public_url");
  CHECK(bench.http.calls.empty());
}

TEST_CASE("registrar: one at a time for a portal, others are not in its way") {
  Bench bench;
  {
    const Result<std::optional<FileLock>> held =
        FileLock::Try(bench.path() + "-lock", (std::int64_t{1} << 40) + bench.portal.id.value());
    REQUIRE(held.has_value());
    REQUIRE(held->has_value());

    const std::vector<Step> steps = bench.registrar.Ensure(bench.portal, milliseconds(0));

    REQUIRE(steps.size() == 1);
    CHECK(steps[0].what == "lock");
    CHECK(steps[0].word == "locked");
    CHECK(bench.http.calls.empty());
    CHECK(bench.Recorded().problem.empty());
    CHECK_FALSE(bench.IsDueAt(bench.clock.Now()));
    PortalAccess other = bench.portal;
    other.id = PortalId(bench.portal.id.value() + 1);
    CHECK(AllDone(bench.registrar.Ensure(other, kPatience)));
  }
  CHECK(AllDone(bench.Ensure()));
}

TEST_CASE("registrar: the fingerprint is of everything that is wanted") {
  std::set<std::string> seen;
  const auto fresh = [&](const ConnectorSettings& settings, const char* application = "") {
    const Bench bench(settings);
    return seen.insert(bench.registrar.Fingerprint(application)).second;
  };
  ConnectorSettings settings = Settings();

  CHECK(fresh(settings));
  CHECK_FALSE(fresh(settings));
  CHECK(fresh(settings, "second"));
  settings.id = "other";
  CHECK(fresh(settings));
  settings.name = "Other";
  CHECK(fresh(settings));
  settings.icon = "data:image/svg+xml,x";
  CHECK(fresh(settings));
  settings.public_url = "https://new.example";
  CHECK(fresh(settings));
}

TEST_CASE("registrar: switches the connector on a line on and off") {
  Bench bench;

  const std::vector<Step> on = bench.registrar.SetLine(bench.portal, LineId(107), true, kPatience);
  CHECK(AllDone(on));
  CHECK(bench.http.calls ==
        std::vector<std::string>{"imconnector.activate", "imconnector.connector.data.set"});
  CHECK(bench.http.bodies[0].find(R"("CONNECTOR":"relay","LINE":107,"ACTIVE":1)") !=
        std::string::npos);
  CHECK(bench.http.bodies[1].find(R"("NAME":"The relay")") != std::string::npos);
  CHECK(bench.Lines() == "m1|relay|107|active");

  const std::vector<Step> off =
      bench.registrar.SetLine(bench.portal, LineId(107), false, kPatience);
  CHECK(AllDone(off));
  CHECK(bench.http.calls.size() == 3);
  CHECK(bench.http.bodies[2].find(R"("ACTIVE":0)") != std::string::npos);
  CHECK(bench.Lines().starts_with("m1|relay|107|"));
  CHECK(bench.Lines().find("|active") == std::string::npos);
}

TEST_CASE("registrar: a line that was not switched keeps its row, and is told") {
  Bench bench;
  bench.http.faults["imconnector.activate"] = {400, R"({"error":"ERROR_ARGUMENT"})"};

  const std::vector<Step> failed =
      bench.registrar.SetLine(bench.portal, LineId(107), true, kPatience);
  const std::vector<Step> no_line =
      bench.registrar.SetLine(bench.portal, LineId(0), true, kPatience);

  CHECK(WordOf(failed, "line") == "error_argument");
  CHECK(failed.size() == 1);
  CHECK(WordOf(no_line, "line") == "bad_line");
  CHECK(bench.http.calls.size() == 1);
  CHECK(bench.Lines().empty());
}

TEST_CASE("registrar: says when what it did could not be kept") {
  Bench bench;
  bench.disk.full = true;

  const std::vector<Step> steps = bench.Ensure();
  const std::vector<Step> line = bench.registrar.SetLine(bench.portal, LineId(1), true, kPatience);

  CHECK_FALSE(AllDone(steps));
  CHECK(steps.back().what == "record");
  CHECK_FALSE(AllDone(line));
  CHECK(line.back().what == "lines");
  bench.CheckAllBound(kUrl);
}

TEST_CASE("registrar: stops where the portal's tokens are dead") {
  Bench bench;
  REQUIRE(bench.portals.MarkDead(bench.portal.id, bench.portal.chain, "invalid_grant",
                                 bench.clock.Now()));

  const std::vector<Step> steps = bench.Ensure();

  REQUIRE(steps.size() == 1);
  CHECK(steps[0].word == "token_dead");
  CHECK(bench.http.calls.empty());
}

TEST_CASE("registrar: tells how the connector stands on a line") {
  Bench bench;
  bench.http.faults["imconnector.status"] = {
      200, R"({"result":{"LINE":107,"ERROR":true,"CONFIGURED":true,"STATUS":false}})"};

  const CallResultOf<LineStatus> status =
      bench.registrar.FindLineStatus(bench.portal, LineId(107), kPatience);

  REQUIRE(status.has_value());
  CHECK(status->configured);
  CHECK_FALSE(status->active);
  CHECK(status->error);
}

}  // namespace
}  // namespace imrelay
