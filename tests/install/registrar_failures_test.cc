#include <doctest/doctest.h>

#include <set>
#include <string>
#include <vector>

#include "base/file_lock.h"
#include "install/registrar.h"
#include "tests/install/registrar_bench.h"

// What fails, and lines.

namespace imrelay {
namespace {

using Bench = RegistrarBench;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

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

  const std::vector<Step> steps = bench.Ensure();

  REQUIRE(steps.size() == 3);
  CHECK(WordOf(steps, "connector") == "done");
  CHECK(WordOf(steps, "event ONIMCONNECTORMESSAGEADD") == "done");
  CHECK(steps.back().what == "event ONIMCONNECTORMESSAGEUPDATE");
  CHECK(steps.back().word == "no_answer");
  CHECK(bench.Recorded().problem == "event ONIMCONNECTORMESSAGEUPDATE: no_answer");
  CHECK(bench.IsDueAt(bench.clock.Now() + minutes(5)));
}

TEST_CASE("registrar: sends nothing further when its time is up") {
  RegistrarBench bench;

  const std::vector<Step> steps = bench.registrar.Ensure(bench.portal, milliseconds(0));

  REQUIRE(steps.size() == 2);
  CHECK(WordOf(steps, "connector") == "done");
  CHECK(steps.back().word == "no_time");
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
