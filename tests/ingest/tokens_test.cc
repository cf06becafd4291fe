#include <doctest/doctest.h>

#include "tests/ingest/ingest_bench.h"

// Whose events are believed, through installations, re-installations and their ends.

namespace imrelay {
namespace {

Posted Add(std::int64_t message, const std::string& token, std::int64_t ts = 1773750000) {
  Posted posted{"ONIMCONNECTORMESSAGEADD", DataOf(message)};
  posted.token = token;
  posted.ts = ts;
  return posted;
}

Posted Uninstall(const std::string& token, std::int64_t ts, bool clean = true) {
  Posted posted{"ONAPPUNINSTALL", clean ? "data[CLEAN]=1" : "data[CLEAN]=0"};
  posted.token = token;
  posted.ts = ts;
  return posted;
}

TEST_CASE("tokens: an event with the token of an unproven installation waits") {
  IngestBench bench;
  bench.PostInstall("token-a", 1773748800);

  CHECK(bench.Post(Add(1, "token-a")) == "accepted");
  CHECK(bench.Post(Add(1, "token-a")) == "duplicate");
  CHECK(bench.Post(Add(1, "token-b")) == "wrong_token");

  CHECK(bench.Show("SELECT event, status FROM events ORDER BY id") ==
        "ONAPPINSTALL|waiting\nONIMCONNECTORMESSAGEADD|waiting");
  CHECK(bench.Show("SELECT count(*) FROM messages") == "0");
}

TEST_CASE("tokens: another process's re-installation counts at once here") {
  IngestBench bench;
  bench.InstallPortal("token-a", 1773748800);
  // Both processes remember the portal.
  REQUIRE(bench.Post(bench.ingest, Add(1, "token-a").Body()) == "accepted");
  REQUIRE(bench.Post(bench.other_process, Add(2, "token-a").Body()) == "accepted");
  bench.InstallPortal("token-b", 1773749000);

  // The former token counts until the first event with the new one.
  CHECK(bench.Post(bench.other_process, Add(3, "token-a").Body()) == "accepted");
  CHECK(bench.Post(bench.ingest, Add(4, "token-b").Body()) == "accepted");
  CHECK(bench.Post(bench.other_process, Add(5, "token-a").Body()) == "wrong_token");
  CHECK(bench.Post(bench.ingest, Add(6, "token-a").Body()) == "wrong_token");
  CHECK(bench.Post(bench.other_process, Add(7, "token-b").Body()) == "accepted");

  CHECK(bench.Show("SELECT message_id FROM messages ORDER BY 1") == "1\n2\n3\n4\n7");
}

TEST_CASE("tokens: another process's removal of the portal counts at once here") {
  IngestBench bench;
  bench.InstallPortal();
  REQUIRE(bench.Post(Add(1, "token-a")) == "accepted");
  REQUIRE(bench.store().RemovePortal(MemberId("m1"), bench.clock.Now()).has_value());

  CHECK(bench.Post(Add(2, "token-a")) == "unknown_portal");
  CHECK(bench.Show("SELECT count(*) FROM events") == "0");
}

TEST_CASE("tokens: a forged installation changes nothing for the portal") {
  IngestBench bench;
  bench.InstallPortal("token-a");
  const std::string before = bench.Show("SELECT * FROM portals");

  const InstallationId forged = bench.PostInstall("token-f", 1773760000);
  CHECK(bench.Post(Add(1, "token-a")) == "accepted");
  CHECK(bench.Post(Add(2, "token-f")) == "accepted");
  bench.Refuse(forged);

  CHECK(bench.Post(Add(3, "token-f")) == "wrong_token");
  CHECK(bench.Post(Add(4, "token-a")) == "accepted");
  CHECK(bench.Show("SELECT * FROM portals") == before);
  CHECK(bench.Show("SELECT message_id FROM messages ORDER BY 1") == "1\n4");
}

TEST_CASE("tokens: a forged event cannot stand in the place of the real one") {
  IngestBench bench;
  const InstallationId forged = bench.PostInstall("token-f", 1773748800);
  // The very content of the event to come, with the forger's token.
  REQUIRE(bench.Post(Add(1, "token-f")) == "accepted");

  const InstallationId genuine = bench.PostInstall("token-a", 1773748800);
  CHECK(bench.Post(Add(1, "token-a")) == "accepted");
  bench.Accept(genuine, "m1");
  bench.Refuse(forged);

  CHECK(bench.store().WaitingEvents(10)->size() == 1);
  // And once more where the portal is installed before.
  const InstallationId again = bench.PostInstall("token-f", 1773760000);
  REQUIRE(bench.Post(Add(2, "token-f")) == "accepted");
  CHECK(bench.Post(Add(2, "token-a")) == "accepted");
  bench.Refuse(again);
  CHECK(bench.Show("SELECT message_id FROM messages") == "2");
}

TEST_CASE("tokens: an installation posted with other tokens is another one") {
  IngestBench bench;
  Posted install{"ONAPPINSTALL", "data[VERSION]=1"};
  install.more = "auth[refresh_token]=forged";
  REQUIRE(bench.Post(install) == "accepted");

  install.more = "auth[refresh_token]=genuine";
  CHECK(bench.Post(install) == "accepted");
  CHECK(bench.Post(install) == "duplicate");

  CHECK(bench.PortalOf("m1").waiting.size() == 2);
}

TEST_CASE(
    "tokens: an installation larger than any real one is refused, and keeps no long address") {
  IngestBench bench;
  Posted install{"ONAPPINSTALL", "data[VERSION]=1"};
  install.more = "auth[refresh_token]=x&auth[server_endpoint]=https://" + std::string(300, 'h');
  CHECK(bench.Post(install) == "accepted");
  CHECK(bench.store().TakeInstallation(bench.clock.Now())->value().server_endpoint == "");

  install.more = "auth[refresh_token]=" + std::string(5000, 'x');
  CHECK(bench.Post(install) == "body_too_large");
  install.data = "data[VERSION]=" + std::string(5000, 'x');
  install.more = "auth[refresh_token]=x";
  CHECK(bench.Post(install) == "body_too_large");
  CHECK(bench.PortalOf("m1").waiting.size() == 1);
}

TEST_CASE("tokens: an uninstalled portal's repeat is known and its other events are refused") {
  IngestBench bench;
  bench.InstallPortal("token-a");
  REQUIRE(bench.Post(Add(1, "token-a")) == "accepted");
  REQUIRE(bench.Post(Uninstall("token-a", 1773760000)) == "accepted");
  const std::string events = bench.Show("SELECT count(*) FROM events");

  CHECK(bench.Post(Uninstall("token-a", 1773760000)) == "duplicate");
  CHECK(bench.Post(Add(1, "token-a")) == "duplicate");
  CHECK(bench.Post(Add(2, "token-a")) == "uninstalled");
  CHECK(bench.Post(bench.other_process, Add(2, "token-a").Body()) == "uninstalled");
  CHECK(bench.Post(Add(2, "token-b")) == "wrong_token");

  CHECK(bench.Show("SELECT count(*) FROM events") == events);
  bench.FinishErasures();
  CHECK(bench.Show("SELECT count(*) FROM messages") == "0");
}

TEST_CASE("tokens: an uninstallation that its re-installation overtook is ignored") {
  IngestBench bench;
  bench.clock.Advance(std::chrono::hours(24));
  bench.InstallPortal("token-a", 1773750000);
  REQUIRE(bench.Post(Add(1, "token-a", 1773750100)) == "accepted");
  bench.InstallPortal("token-b", 1773760000);

  // With the former token it speaks of the former installation.
  CHECK(bench.Post(Uninstall("token-a", 1773760001)) == "ignored: former_installation");
  // Some portals keep the token over installations; then the time tells.
  CHECK(bench.Post(Uninstall("token-b", 1773759999)) == "ignored: former_installation");
  CHECK(bench.Show("SELECT status FROM portals") == "active");
  CHECK(bench.Show("SELECT count(*) FROM messages") == "1");

  CHECK(bench.Post(Uninstall("token-b", 1773760000)) == "accepted");
  CHECK(bench.Show("SELECT status FROM portals") == "uninstalled");
}

TEST_CASE("tokens: a re-installation with the token of before is waited for") {
  IngestBench bench;
  bench.InstallPortal("token-a", 1773748800);
  REQUIRE(bench.Post(Uninstall("token-a", 1773748801)) == "accepted");

  const InstallationId again = bench.PostInstall("token-a", 1773748802);
  CHECK(bench.Post(Add(1, "token-a")) == "accepted");
  CHECK(bench.Show("SELECT status FROM portals") == "uninstalled");
  bench.Accept(again, "m1");

  CHECK(bench.Show("SELECT status FROM portals") == "active");
  CHECK(bench.store().WaitingEvents(10)->size() == 1);
}

TEST_CASE("tokens: a replayed installation is known, also after the uninstallation") {
  IngestBench bench;
  bench.InstallPortal("token-a");
  Posted install{"ONAPPINSTALL", "data[VERSION]=1"};
  install.more = "auth[access_token]=access-token-a&auth[refresh_token]=refresh-token-a";

  CHECK(bench.Post(install) == "duplicate");
  REQUIRE(bench.Post(Uninstall("token-a", 1773760000)) == "accepted");
  CHECK(bench.Post(install) == "duplicate");
  CHECK(bench.PortalOf("m1").waiting.empty());
}

TEST_CASE("tokens: what waits is applied as from the portal, in order, and once") {
  IngestBench bench;
  const InstallationId id = bench.PostInstall("token-a", 1773748800);
  Posted remove{"ONIMCONNECTORMESSAGEDELETE", DataOf(1, "x")};
  REQUIRE(bench.Post(Add(1, "token-a")) == "accepted");
  REQUIRE(bench.Post(remove) == "accepted");
  REQUIRE(bench.Post(Posted{"ONSOMETHINGELSE", "data[x]=1"}) == "accepted");
  bench.Accept(id, "m1");

  for (int i = 0; i < 2; ++i) {
    const Result<std::vector<WaitingEvent>> due = bench.store().WaitingEvents(10);
    REQUIRE(due.has_value());
    CHECK(due->size() == (i == 0 ? 3 : 0));
    for (const WaitingEvent& event : *due) {
      CHECK(bench.ingest.ApplyWaiting(event).has_value());
      CHECK(bench.other_process.ApplyWaiting(event).has_value());
    }
  }

  CHECK(bench.Show("SELECT message_id, external_message_id, direction, outcome FROM messages") ==
        "1|x|out|pending");
  CHECK(bench.Show("SELECT event, status FROM events ORDER BY id") ==
        "ONAPPINSTALL|applied\nONIMCONNECTORMESSAGEADD|applied\n"
        "ONIMCONNECTORMESSAGEDELETE|applied\nONSOMETHINGELSE|ignored");
  // The applied ones know their copies.
  CHECK(bench.Post(Add(1, "token-a")) == "duplicate");
  CHECK(bench.Post(remove) == "duplicate");
}

TEST_CASE("tokens: what waited behind an uninstallation with CLEAN leaves no message") {
  IngestBench bench;
  const InstallationId id = bench.PostInstall("token-a", 1773748800);
  REQUIRE(bench.Post(Add(1, "token-a")) == "accepted");
  REQUIRE(bench.Post(Uninstall("token-a", 1773760000)) == "accepted");
  REQUIRE(bench.Post(Add(2, "token-a")) == "accepted");
  bench.Accept(id, "m1");

  const Result<std::vector<WaitingEvent>> due = bench.store().WaitingEvents(10);
  REQUIRE(due.has_value());
  for (const WaitingEvent& event : *due) {
    REQUIRE(bench.ingest.ApplyWaiting(event).has_value());
  }

  CHECK(bench.Show("SELECT status FROM portals") == "uninstalled");
  bench.FinishErasures();
  CHECK(bench.Show("SELECT count(*) FROM messages") == "0");
  CHECK(bench.Show("SELECT count(*) FROM event WHERE body IS NOT NULL") == "0");
  CHECK(bench.Show("SELECT event, status FROM events ORDER BY id") ==
        "ONAPPINSTALL|applied\nONIMCONNECTORMESSAGEADD|applied\nONAPPUNINSTALL|applied\n"
        "ONIMCONNECTORMESSAGEADD|ignored");
}

TEST_CASE("tokens: installations that anyone posts meanwhile keep no event of a portal out") {
  IngestBench bench;
  bench.InstallPortal("token-a");
  int number = 0;

  for (const char* forged : {"token-f", "token-g", "token-h"}) {
    // Remembered by one process, changed by another.
    CHECK(bench.Post(Posted{"ONIMCONNECTORMESSAGEADD", DataOf(++number)}) == "accepted");
    Posted install{"ONAPPINSTALL", "data[VERSION]=1",
                   1773748801,     "m1",
                   forged,         "auth[access_token]=x&auth[refresh_token]=y"};
    CHECK(bench.Post(bench.other_process, install.Body()) == "accepted");
    CHECK(bench.Post(Posted{"ONIMCONNECTORMESSAGEADD", DataOf(++number)}) == "accepted");
  }

  CHECK(bench.Show("SELECT count(*) FROM messages") == "6");
}

TEST_CASE("tokens: a portal that was removed and came back is known at once") {
  IngestBench bench;
  bench.InstallPortal("token-a");
  CHECK(bench.Post(Posted{"ONIMCONNECTORMESSAGEADD", DataOf(1)}) == "accepted");
  REQUIRE(bench.store().RemovePortal(MemberId("m1"), bench.clock.Now()).has_value());
  const InstallationId id = [&] {
    Posted install{"ONAPPINSTALL", "data[VERSION]=1", 1773748900,
                   "m1",           "token-a",         "auth[access_token]=x&auth[refresh_token]=y"};
    CHECK(bench.Post(bench.other_process, install.Body()) == "accepted");
    return bench.PortalOf("m1").waiting.at(0).id;
  }();
  bench.Accept(id, "m1");

  CHECK(bench.Post(Posted{"ONIMCONNECTORMESSAGEADD", DataOf(2)}) == "accepted");
}

}  // namespace
}  // namespace imrelay
