#include "tests/portal/portal_bench.h"

namespace imrelay::stand_in {
namespace {

TEST_CASE("tokens: a refresh token works once, and the access token beside it dies") {
  PortalBench bench;
  const PortalBench::RestAnswer first = bench.Refresh(bench.tokens.refresh_token);
  CHECK(At(first.body, "member_id") == "m1");
  CHECK(At(first.body, "client_endpoint") == bench.portal->ClientEndpoint());
  CHECK(bench.Refresh(bench.tokens.refresh_token).error() == "invalid_grant");
  CHECK(bench.Call("profile").error() == "invalid_token");
  CHECK(bench.CallAs(At(first.body, "access_token"), "profile").status == 200);
  CHECK(At(bench.Control("portal"), "refreshes") == "1");

  bench.portal->ExpireAccess("m1");
  CHECK(bench.CallAs(At(first.body, "access_token"), "profile").error() == "expired_token");
}

TEST_CASE("tokens: what is wrong with a refresh is told") {
  PortalBench bench;
  const std::string token = bench.tokens.refresh_token;
  bench.portal->Control("application", R"({"client_id":"other","client_secret":"s"})");
  CHECK(bench.Refresh(token, "wrong").error() == "invalid_client");
  CHECK(bench.Refresh(token, "s", "other").error() == "wrong_client");
  CHECK(bench.Refresh("").error() == "invalid_request");
  bench.Control("portal", R"("payment_expired":true)");
  CHECK(bench.Refresh(token).error() == "PAYMENT_REQUIRED");
  bench.Control("portal", R"("payment_expired":false,"deleted":true)");
  CHECK(bench.Refresh(token).status == 404);
  bench.Control("portal", R"("deleted":false)");
  bench.Control("fault", R"("endpoint":"token","mode":"invalid_grant","status":202)");
  bench.Control("uninstall");
  const PortalBench::RestAnswer odd = bench.Refresh(token);
  CHECK(odd.status == 202);
  CHECK(odd.error() == "invalid_grant");
  CHECK(bench.Refresh(token).error() == "wrong_client");
  CHECK(bench.Call("profile").error() == "APPLICATION_NOT_FOUND");
  CHECK(At(bench.Control("uninstall"), "error") == "not_installed");
  CHECK(At(bench.Control("portal"), "installations.0.client_id") == "(none)");
}

TEST_CASE("tokens: a new installation has another application_token, and the old tokens are dead") {
  PortalBench bench;
  const std::string token = At(bench.Control("install"), "application_token");

  CHECK(token != bench.tokens.holder.application_token);
  CHECK(bench.Call("profile").error() == "invalid_token");
  CHECK(bench.Refresh(bench.tokens.refresh_token).error() == "invalid_grant");
}

}  // namespace
}  // namespace imrelay::stand_in
