#include <doctest/doctest.h>

#include <vector>

#include "tests/store/portal_bench.h"

// Portals as calls to them need them: their tokens and what became of an installation.

namespace imrelay {
namespace {

using Bench = PortalBench;
using std::chrono::hours;
using std::chrono::seconds;

TEST_CASE("portal_store: an accepted installation gives everything a call needs") {
  Bench bench;
  const InstallationId id = bench.Post("m1", 'a');
  bench.SetInstallation("application = 'second'");
  CHECK(bench.Access().status == PortalStatus::kPending);
  CHECK(bench.Access().chain == 0);
  ProvenInstallation proven;
  proven.client_endpoint = "https://m1.example/rest/";
  proven.domain = "m1.example";
  proven.scope = "imopenlines";
  proven.sealed_access_token = "new access";
  proven.sealed_refresh_token = "new refresh";
  proven.token_expires_at = bench.clock.Now() + hours(1);
  proven.server_endpoint = "https://auth.example";
  REQUIRE(bench.store().AcceptInstallation(id, proven, bench.clock.Now()));

  const PortalAccess portal = bench.Access();

  CHECK(portal.id == bench.PortalOf("m1").id);
  CHECK(portal.member_id == MemberId("m1"));
  CHECK(portal.application == "second");
  CHECK(portal.status == PortalStatus::kActive);
  CHECK(portal.domain == "m1.example");
  CHECK(portal.client_endpoint == "https://m1.example/rest/");
  CHECK(portal.scope == "imopenlines");
  CHECK(portal.server_endpoint == "https://auth.example");
  CHECK(portal.sealed_access_token == "new access");
  CHECK(portal.sealed_refresh_token == "new refresh");
  CHECK(portal.chain == 1);
  CHECK(portal.token_expires_at == bench.clock.Now() + hours(1));
  CHECK(portal.tokens_granted_at == bench.clock.Now());
  CHECK(portal.dead_reason.empty());
  CHECK(portal.last_event_at == bench.clock.Now());
  CHECK_FALSE(bench.portals().FindAccess(MemberId("other")).value().has_value());
}

TEST_CASE("portal_store: a page that a browser opened is no event that came through") {
  Bench bench;
  bench.Install("m1");
  const TimePoint installed_at = bench.clock.Now();
  bench.clock.Advance(hours(1));
  bench.Post("m1", 'b');
  bench.Install("m1");
  REQUIRE(bench.Access().last_event_at == bench.clock.Now());

  REQUIRE(RawDatabase(bench.path())
              .Execute("UPDATE event SET event = 'PAGE_OPENED' WHERE received_at > " +
                       std::to_string(UnixSeconds(installed_at))));

  CHECK(bench.Access().last_event_at == installed_at);
}

TEST_CASE("portal_store: what a refresh gave keeps the server that granted it until the proof") {
  Bench bench;
  const InstallationId id = bench.Post("m1", 'a');
  ProvenInstallation granted;
  granted.client_endpoint = "https://m1.example/rest/";
  granted.server_endpoint = "https://auth.example";
  REQUIRE(bench.store().RecordGrant(id, granted));

  const auto work = bench.store().TakeInstallation(bench.clock.Now());

  REQUIRE(work);
  REQUIRE(*work);
  REQUIRE((*work)->granted);
  CHECK((*work)->granted->server_endpoint == "https://auth.example");
}

TEST_CASE("portal_store: an installation without a refresh token leaves a dead portal") {
  Bench bench;
  const InstallationId id = bench.Post("m1", 'a');
  REQUIRE(bench.store().AcceptInstallation(id, {}, bench.clock.Now()));

  CHECK(bench.Access().status == PortalStatus::kDead);
  CHECK(bench.Access().dead_reason == "refresh_token_lost");
  CHECK_FALSE(bench.Access().tokens_granted_at);
  CHECK(bench.Due() == "");

  bench.Install("m1", 'b');
  CHECK(bench.Access().status == PortalStatus::kActive);
  CHECK(bench.Access().dead_reason.empty());
  CHECK(bench.Access().chain == 2);
}

TEST_CASE("portal_store: an installation without application_token leaves the portal's alone") {
  Bench bench;
  bench.Install("m1", 'a');
  bench.Post("m1", 'x');
  bench.SetInstallation("has_token = 0");
  bench.Accept(bench.PortalOf("m1").waiting.at(0).id, "m1");
  CHECK(bench.PortalOf("m1").token == StoreBench::Token('a'));
  CHECK_FALSE(bench.PortalOf("m1").previous_token);

  // A former token that counts for a while goes on counting.
  bench.Install("m1", 'b');
  bench.Post("m1", 'x');
  bench.SetInstallation("has_token = 0");
  bench.Accept(bench.PortalOf("m1").waiting.at(0).id, "m1");
  CHECK(bench.PortalOf("m1").token == StoreBench::Token('b'));
  CHECK(bench.PortalOf("m1").previous_token == StoreBench::Token('a'));

  // The one of before an uninstallation must not count again.
  REQUIRE(bench.Do("m1", PortalUninstalled{false}) == "accepted");
  bench.clock.Advance(seconds(1));
  bench.Post("m1", 'x');
  bench.SetInstallation("has_token = 0");
  bench.Accept(bench.PortalOf("m1").waiting.at(0).id, "m1");
  CHECK(bench.PortalOf("m1").status == PortalStatus::kActive);
  CHECK_FALSE(bench.PortalOf("m1").token);
  CHECK_FALSE(bench.PortalOf("m1").previous_token);

  bench.Post("m2", 'x');
  bench.SetInstallation("has_token = 0");
  bench.Accept(bench.PortalOf("m2").waiting.at(0).id, "m2");
  CHECK_FALSE(bench.PortalOf("m2").token);
}

TEST_CASE("portal_store: a new pair takes the place of the one it was made from, no other") {
  Bench bench;
  bench.Install("m1");
  const PortalAccess before = bench.Access();
  const std::int64_t revision = bench.PortalOf("m1").revision;
  bench.clock.Advance(hours(2));

  CHECK_FALSE(bench.Replace(before, before.chain - 1, "stale"));
  CHECK(bench.Access().sealed_access_token == "new access");
  CHECK(bench.Replace(before, before.chain, "first"));
  CHECK_FALSE(bench.Replace(before, before.chain, "second"));

  const PortalAccess after = bench.Access();
  CHECK(after.sealed_access_token == "access first");
  CHECK(after.sealed_refresh_token == "refresh first");
  CHECK(after.chain == before.chain + 1);
  CHECK(after.tokens_granted_at == bench.clock.Now());
  CHECK(after.token_expires_at == bench.clock.Now() + hours(1));
  CHECK(after.domain == "renamed.example");
  CHECK(after.client_endpoint == "https://renamed.example/rest/");
  CHECK(after.scope == "imopenlines");
  CHECK(after.server_endpoint == "https://auth.example");
  // Nothing of what an event needs to know has changed.
  CHECK(bench.PortalOf("m1").revision == revision);
}

TEST_CASE("portal_store: a dead pair makes the portal dead, once; a new one heals it") {
  Bench bench;
  bench.Install("m1");
  const PortalAccess portal = bench.Access();
  std::int64_t revision = bench.PortalOf("m1").revision;
  const auto mark = [&](std::int64_t chain, const char* reason) {
    REQUIRE(bench.portals().MarkDead(portal.id, chain, reason, bench.clock.Now()));
  };

  mark(portal.chain - 1, "stale");
  CHECK(bench.Access().status == PortalStatus::kActive);
  CHECK(bench.PortalOf("m1").revision == revision);
  mark(portal.chain, "invalid_grant");
  CHECK(bench.Access().status == PortalStatus::kDead);
  CHECK(bench.Access().dead_reason == "invalid_grant");
  CHECK(bench.PortalOf("m1").revision == ++revision);
  mark(portal.chain, "again");
  CHECK(bench.Access().dead_reason == "invalid_grant");
  CHECK(bench.PortalOf("m1").revision == revision);

  CHECK(bench.Replace(portal, portal.chain, "new"));
  CHECK(bench.Access().status == PortalStatus::kActive);
  CHECK(bench.Access().dead_reason.empty());
  CHECK(bench.PortalOf("m1").revision == ++revision);
}

TEST_CASE("portal_store: an uninstalled portal neither dies nor comes back by its tokens") {
  Bench bench;
  bench.Install("m1");
  const PortalAccess portal = bench.Access();
  REQUIRE(bench.Do("m1", PortalUninstalled{false}) == "accepted");

  REQUIRE(bench.portals().MarkDead(portal.id, portal.chain, "x", bench.clock.Now()));
  CHECK_FALSE(bench.Replace(portal, portal.chain, "new"));

  CHECK(bench.Access().status == PortalStatus::kUninstalled);
}

TEST_CASE("portal_store: an application that is gone is uninstalled, with one delivery") {
  Bench bench;
  bench.Install("m1");
  const PortalAccess portal = bench.Access();
  const std::int64_t revision = bench.PortalOf("m1").revision;
  const char* kDeliveries = "SELECT count(*) FROM deliveries WHERE kind = 'portal.uninstalled'";
  const auto mark = [&](std::int64_t chain) {
    REQUIRE(bench.portals().MarkUninstalled(portal.id, chain, bench.clock.Now()));
  };
  bench.clock.Advance(seconds(5));

  mark(portal.chain - 1);
  CHECK(bench.Access().status == PortalStatus::kActive);
  mark(portal.chain);
  mark(portal.chain);

  CHECK(bench.Access().status == PortalStatus::kUninstalled);
  CHECK(bench.Show("SELECT uninstalled_at FROM portals") == "2026-03-17T12:00:05Z");
  CHECK(bench.Show(kDeliveries) == "1");
  CHECK(bench.PortalOf("m1").revision > revision);
}

TEST_CASE("portal_store: an installation posted after the one that is gone is not refused") {
  Bench bench;
  const EventId old = bench.AddedEvent(bench.Request("m1", 'b'));
  bench.clock.Advance(seconds(10));
  const EventId current = bench.AddedEvent(bench.Request("m1", 'a'));
  bench.Accept(bench.PortalOf("m1").waiting.at(0).id, "m1");
  bench.clock.Advance(seconds(10));
  InstallationRequest page = bench.Request("m1", 'c');
  page.journal.ts.reset();
  const EventId successor = bench.AddedEvent(page);
  bench.clock.Advance(seconds(10));

  const PortalAccess portal = bench.Access();
  REQUIRE(bench.portals().MarkUninstalled(portal.id, portal.chain, bench.clock.Now()));

  CHECK(bench.StateOf(old).stage == InstallationState::Stage::kRefused);
  CHECK(bench.StateOf(old).reason == "uninstalled");
  CHECK(bench.StateOf(current).stage == InstallationState::Stage::kProven);
  CHECK(bench.StateOf(successor).stage == InstallationState::Stage::kWaiting);
}

TEST_CASE("portal_store: tells what became of an installation, by its event") {
  Bench bench;
  using Stage = InstallationState::Stage;
  const InstallationRequest request = bench.Request("m1", 'a');
  const EventId event = bench.AddedEvent(request);
  REQUIRE(event != EventId());
  const Result<Committed> again = bench.Add(request);
  REQUIRE(WordOf(again) == "duplicate");
  CHECK(again->event == event);
  const InstallationId id = bench.PortalOf("m1").waiting.at(0).id;

  CHECK(bench.StateOf(event).stage == Stage::kWaiting);
  CHECK(bench.StateOf(event).reason.empty());
  REQUIRE(bench.store().PostponeInstallation(id, "server_error", bench.clock.Now()));
  CHECK(bench.StateOf(event).stage == Stage::kWaiting);
  CHECK(bench.StateOf(event).reason == "server_error");
  bench.Accept(id, "m1");
  CHECK(bench.StateOf(event).stage == Stage::kProven);

  const EventId other = bench.AddedEvent(bench.Request("m1", 'b'));
  const InstallationId refused = bench.PortalOf("m1").waiting.at(0).id;
  REQUIRE(bench.store().RefuseInstallation(refused, "not_admin", bench.clock.Now()));
  CHECK(bench.StateOf(other).stage == Stage::kRefused);
  CHECK(bench.StateOf(other).reason == "not_admin");
  CHECK(bench.StateOf(EventId(12345)).stage == Stage::kRefused);
}

}  // namespace
}  // namespace imrelay
