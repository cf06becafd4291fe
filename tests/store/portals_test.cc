#include <doctest/doctest.h>

#include "tests/store/store_bench.h"

// The end of a portal: uninstalled, erased, removed.

namespace imrelay {
namespace {

// A portal with something in every table.
void Fill(StoreBench& bench, const std::string& member_id, char token) {
  bench.Install(member_id, token);
  REQUIRE(bench.Do(member_id, Updated(1, {"a"})) == "accepted");
  REQUIRE(bench.Do(member_id, Created(2)) == "accepted");
  REQUIRE(bench.Do(member_id, Deleted(3, {"c"})) == "accepted");
  REQUIRE(bench.Do(member_id, DialogChanged{PlaceOf("conn", 8, "chat-2"), true, "{}"}) ==
          "accepted");
}

std::string CountOf(StoreBench& bench, const std::string& table) {
  return bench.Show("SELECT count(*) FROM " + table);
}

constexpr const char* kErased = "SELECT name, value FROM setting WHERE name LIKE 'erased%'";

TEST_CASE("portals: an uninstallation ends the tokens and keeps the data") {
  StoreBench bench;
  Fill(bench, "m1", 'a');
  bench.Install("m1", 'b');
  bench.clock.Advance(std::chrono::seconds(5));

  CHECK(bench.Do("m1", PortalUninstalled{false}) == "accepted");

  CHECK(bench.Show("SELECT status, uninstalled_at, installed_at FROM portals") ==
        "uninstalled|2026-03-17T12:00:05Z|2026-03-17T12:00:00Z");
  const Portal portal = bench.PortalOf("m1");
  CHECK(portal.status == PortalStatus::kUninstalled);
  CHECK(portal.token == StoreBench::Token('b'));
  CHECK(!portal.previous_token);
  CHECK(CountOf(bench, "messages") == "3");
  CHECK(bench.Show("SELECT count(*) FROM portal WHERE refresh_token IS NOT NULL") == "1");
  CHECK(bench.Show("SELECT kind, state FROM deliveries ORDER BY id DESC LIMIT 1") ==
        "portal.uninstalled|pending");
  CHECK(bench.Show(kErased) == "");
}

TEST_CASE("portals: CLEAN erases tokens and messages, and keeps counts and owed deletions") {
  StoreBench bench;
  Fill(bench, "m1", 'a');
  Fill(bench, "m2", 'b');

  CHECK(bench.Do("m1", PortalUninstalled{true}) == "accepted");
  bench.FinishErasures();

  CHECK(bench.Show("SELECT count(*) FROM portal WHERE member_id = 'm1' AND "
                   "coalesce(access_token, refresh_token, token_expires_at) IS NULL") == "1");
  CHECK(bench.Show("SELECT member_id, count(*) FROM messages GROUP BY 1") == "m2|3");
  CHECK(bench.Show(kErased) == "erased_deletions|1\nerased_messages|3");
  CHECK(bench.Show("SELECT kind, external_chat_id, external_message_id FROM deliveries "
                   "WHERE member_id = 'm1' ORDER BY id") ==
        "message.deleted|chat-1|c\nportal.uninstalled|NULL|NULL");
  CHECK(bench.Show("SELECT count(*) FROM event JOIN portal USING (portal_id) "
                   "WHERE portal.member_id = 'm1' AND body IS NOT NULL") == "0");
  CHECK(bench.Show("SELECT count(*) FROM event JOIN portal USING (portal_id) "
                   "WHERE portal.member_id = 'm2' AND body IS NULL") == "0");
  CHECK(bench.Show("SELECT external_chat_id FROM chat JOIN line USING (line_key) "
                   "JOIN portal USING (portal_id) WHERE member_id = 'm1'") == "chat-1");
  CHECK(bench.Show("SELECT DISTINCT kind FROM deliveries WHERE member_id = 'm2'") ==
        "portal.installed\nmessage.updated\nmessage.created\nmessage.deleted\ndialog.started");
}

TEST_CASE("portals: what is erased adds up") {
  StoreBench bench;
  Fill(bench, "m1", 'a');
  Fill(bench, "m2", 'b');

  REQUIRE(bench.Do("m1", PortalUninstalled{true}) == "accepted");
  REQUIRE(WordOf(bench.store().RemovePortal(MemberId("m1"), bench.clock.Now())) == "done");
  REQUIRE(WordOf(bench.store().RemovePortal(MemberId("m2"), bench.clock.Now())) == "done");

  CHECK(bench.Show(kErased) == "erased_deletions|2\nerased_messages|6");
}

TEST_CASE("portals: an uninstalled one knows its posts again and refuses others") {
  StoreBench bench;
  bench.Install("m1");
  Plan uninstall = bench.PlanOf("m1", {PortalUninstalled{true}});
  const EventKey key = uninstall.journal.key;
  REQUIRE(bench.Commit(uninstall) == "accepted");
  const std::string events = CountOf(bench, "events");

  Plan again = bench.PlanOf("m1", {PortalUninstalled{true}});
  again.journal.key = key;
  again.only_known = true;
  CHECK(bench.Commit(again) == "duplicate");
  Plan other = bench.PlanOf("m1", {Created(1)});
  other.only_known = true;
  CHECK(bench.Commit(other) == "unauthenticated");
  CHECK(bench.CommitResult(other).error().reason == "uninstalled");

  CHECK(CountOf(bench, "events") == events);
  CHECK(CountOf(bench, "messages") == "0");
  CHECK(bench.Show("SELECT count(*) FROM deliveries WHERE kind = 'portal.uninstalled'") == "1");
}

TEST_CASE("portals: an installation after an uninstallation starts afresh") {
  StoreBench bench;
  bench.Install("m1", 'a');
  REQUIRE(bench.Do("m1", PortalUninstalled{false}) == "accepted");
  bench.clock.Advance(std::chrono::hours(1));

  bench.Install("m1", 'b');

  CHECK(bench.Show("SELECT status, installed_at, uninstalled_at FROM portals") ==
        "active|2026-03-17T13:00:00Z|NULL");
  const Portal portal = bench.PortalOf("m1");
  CHECK(portal.token == StoreBench::Token('b'));
  // The token of before the uninstallation must not count again.
  CHECK(!portal.previous_token);
  CHECK(bench.Show("SELECT kind FROM deliveries ORDER BY id") ==
        "portal.installed\nportal.uninstalled\nportal.installed");
}

TEST_CASE("portals: removing one leaves nothing of it but the counts") {
  StoreBench bench;
  Fill(bench, "m1", 'a');
  const InstallationId waiting = bench.Post("m1", 'b');
  REQUIRE(bench.Commit(bench.WaitingPlan("m1", waiting)) == "accepted");
  const std::string before = bench.Show("SELECT portal_id FROM portal");

  CHECK(WordOf(bench.store().RemovePortal(MemberId("m1"), bench.clock.Now())) == "done");

  for (const char* table :
       {"portal", "line", "chat", "message", "event", "installation", "delivery"}) {
    CAPTURE(table);
    CHECK(CountOf(bench, table) == "0");
  }
  CHECK(bench.Show(kErased) == "erased_deletions|1\nerased_messages|3");
  CHECK(WordOf(bench.store().RemovePortal(MemberId("m1"), bench.clock.Now())) == "not_found");

  // Its number never means another portal.
  bench.Install("m2");
  CHECK(bench.Show("SELECT portal_id FROM portal") != before);
}

TEST_CASE("portals: removing one touches no other") {
  StoreBench bench;
  Fill(bench, "m1", 'a');
  Fill(bench, "m2", 'b');
  const std::string views[] = {"portals", "lines", "messages", "deliveries", "events"};
  std::string before;
  for (const std::string& view : views) {
    before += bench.Show("SELECT * FROM " + view + " WHERE member_id = 'm2'") + '\n';
  }

  REQUIRE(WordOf(bench.store().RemovePortal(MemberId("m1"), bench.clock.Now())) == "done");

  std::string after;
  for (const std::string& view : views) {
    after += bench.Show("SELECT * FROM " + view + " WHERE member_id = 'm2'") + '\n';
    CHECK(bench.Show("SELECT count(*) FROM " + view + " WHERE member_id = 'm1'") == "0");
  }
  CHECK(after == before);
}

TEST_CASE("portals: one nobody posted an installation of is none") {
  StoreBench bench;
  bench.Install("m1");

  CHECK_FALSE(bench.store().FindPortal(MemberId("m2"))->has_value());
  CHECK_FALSE(bench.store().FindPortal(MemberId("M1"))->has_value());
  CHECK_FALSE(bench.store().FindPortal(MemberId(""))->has_value());
}

}  // namespace
}  // namespace imrelay
