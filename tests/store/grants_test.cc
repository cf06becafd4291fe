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

TEST_CASE("grants: an installation not tried yet is taken before one that failed") {
  StoreBench bench;
  bench.Post("m1", 'a');
  REQUIRE(bench.store().TakeInstallation(bench.clock.Now()));
  bench.clock.Advance(std::chrono::seconds(1));
  bench.Post("m2", 'b');

  const auto work = bench.store().TakeInstallation(bench.clock.Now());

  REQUIRE(work);
  REQUIRE(*work);
  CHECK((*work)->member_id == MemberId("m2"));
}

}  // namespace
}  // namespace imrelay
