#include <doctest/doctest.h>

#include "tests/store/store_bench.h"

namespace imrelay {
namespace {

ProvenInstallation Granted() {
  ProvenInstallation granted;
  granted.client_endpoint = "https://portal.example/rest/";
  granted.domain = "portal.example";
  granted.scope = "imopenlines";
  granted.sealed_access_token = "sealed new access";
  granted.sealed_refresh_token = "sealed new refresh";
  granted.token_expires_at = FromUnixSeconds(1773764178);
  return granted;
}

TEST_CASE("grants: what a refresh gave comes with the installation until it is decided") {
  StoreBench bench;
  const InstallationId id = bench.Post("m1", 'a');
  Result<std::optional<InstallationWork>> work = bench.store().TakeInstallation(bench.clock.Now());
  REQUIRE(work);
  REQUIRE(*work);
  CHECK_FALSE((*work)->granted);

  REQUIRE(bench.store().RecordGrant(id, Granted()));
  work = bench.store().TakeInstallation(bench.clock.Now());

  REQUIRE(work);
  REQUIRE((*work)->granted);
  CHECK((*work)->granted->client_endpoint == "https://portal.example/rest/");
  CHECK((*work)->granted->domain == "portal.example");
  CHECK((*work)->granted->scope == "imopenlines");
  CHECK((*work)->granted->token_expires_at == FromUnixSeconds(1773764178));
  CHECK((*work)->sealed_access_token == "sealed new access");
  CHECK((*work)->sealed_refresh_token == "sealed new refresh");
}

TEST_CASE("grants: an installation that was tried keeps its place before later ones") {
  StoreBench bench;
  bench.Post("m1", 'a');
  REQUIRE(bench.store().TakeInstallation(bench.clock.Now()));
  bench.clock.Advance(std::chrono::seconds(1));
  bench.Post("m2", 'b');

  const auto work = bench.store().TakeInstallation(bench.clock.Now());

  REQUIRE(work);
  REQUIRE(*work);
  CHECK((*work)->member_id == MemberId("m1"));
}

TEST_CASE("grants: a proven installation goes also when its last waiting event is a duplicate") {
  StoreBench bench;
  bench.Install("m1", 'a');
  Plan first = bench.PlanOf("m1", {Created(1)});
  REQUIRE(bench.Commit(first) == "accepted");
  const InstallationId again = bench.Post("m1", 'b');
  Plan waiting = bench.WaitingPlan("m1", again);
  REQUIRE(bench.Commit(waiting) == "accepted");
  bench.Accept(again, "m1");
  const Result<std::vector<WaitingEvent>> due = bench.store().WaitingEvents(10);
  REQUIRE(due);
  REQUIRE(due->size() == 1);

  Plan copy = bench.PlanOf("m1", {Created(1)});
  copy.journal.key = first.journal.key;
  copy.waited = due->front().id;
  CHECK(bench.Commit(copy) == "duplicate");

  CHECK(bench.Show("SELECT count(*) FROM installation") == "0");
}

}  // namespace
}  // namespace imrelay
