#include <doctest/doctest.h>

#include <memory>

#include "base/await.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/ingest/ingest_bench.h"

// How a dead portal lives again without anybody opening it: by the tokens its events bring.

namespace imrelay {
namespace {

constexpr const char* kEvents = "SELECT event, status FROM events ORDER BY id";

class HealingBench : public IngestBench {
 public:
  HealingBench() { InstallPortal("token-a"); }

  // As a refresh does that is refused.
  void Die() {
    const std::unique_ptr<SqliteStore> portals = SqliteStore::OpenExisting(path()).value();
    const PortalAccess portal = portals->FindAccess(MemberId("m1"))->value();
    REQUIRE(portals->MarkDead(portal.id, portal.chain, "invalid_grant", clock.Now()).has_value());
  }
  std::optional<InstallationWork> Take() { return store().TakeInstallation(clock.Now()).value(); }
  std::string PostSignal(const std::string& event, std::int64_t ts = 1773760000,
                         const std::string& token = "token-a",
                         const std::string& refresh_token = "refresh-new") {
    return Post(Posted{event, event == "ONAPPTEST" ? "data[QUERY][any]=data" : "", ts, "m1", token,
                       "auth[access_token]=access-new&auth[refresh_token]=" + refresh_token});
  }
};

TEST_CASE("healing: an event of a dead portal that brings tokens is an installation to be proven") {
  for (const char* event : {"ONOFFLINEEVENT", "ONAPPTEST", "ONAPPUPDATE", "ONSUBSCRIPTIONRENEW"}) {
    CAPTURE(std::string(event));
    HealingBench bench;
    bench.Die();

    CHECK(bench.PostSignal(event) == "accepted");

    const std::optional<InstallationWork> work = bench.Take();
    REQUIRE(work);
    CHECK(work->member_id == MemberId("m1"));
    CHECK(bench.keyring.Unseal(work->sealed_refresh_token, "refresh_token m1")->Reveal() ==
          "refresh-new");
    bench.Accept(work->id, "m1");
    CHECK(bench.Show("SELECT status FROM portals") == "active");
    CHECK(bench.Show(kEvents) == "ONAPPINSTALL|applied\n" + std::string(event) + "|applied");
    CHECK(bench.Post(Posted{"ONIMCONNECTORMESSAGEADD", DataOf(1)}) == "accepted");
  }
}

TEST_CASE("healing: the tokens of a portal that lives are left alone") {
  HealingBench bench;

  CHECK(bench.PostSignal("ONOFFLINEEVENT") == "accepted");
  CHECK(bench.PostSignal("ONAPPTEST") == "accepted");

  CHECK_FALSE(bench.Take());
}

TEST_CASE("healing: a death that another process found out counts at once") {
  HealingBench bench;
  // Both remember the portal as it lived.
  REQUIRE(bench.Post(Posted{"ONIMCONNECTORMESSAGEADD", DataOf(1)}) == "accepted");
  bench.Die();

  CHECK(bench.PostSignal("ONOFFLINEEVENT") == "accepted");

  CHECK(bench.Take());
}

TEST_CASE("healing: whose token is wrong, or brings none, heals nothing") {
  HealingBench bench;
  bench.Die();

  CHECK(bench.PostSignal("ONOFFLINEEVENT", 1773760000, "token-b") == "wrong_token");
  CHECK(bench.PostSignal("ONOFFLINEEVENT", 1773760000, "token-a", "") == "accepted");

  CHECK_FALSE(bench.Take());
}

TEST_CASE("healing: an event that changes something is applied at once, whatever it brings") {
  HealingBench bench;
  bench.Die();
  Posted add{"ONIMCONNECTORMESSAGEADD", DataOf(1)};
  add.more = "auth[access_token]=x&auth[refresh_token]=y";

  CHECK(bench.Post(add) == "accepted");

  CHECK_FALSE(bench.Take());
  CHECK(bench.Show("SELECT message_id FROM messages") == "1");
}

TEST_CASE("healing: one installation waits for its proof, however many signals come") {
  HealingBench bench;
  bench.Die();
  for (int i = 0; i < 100; ++i) {
    CHECK(bench.PostSignal("ONOFFLINEEVENT", 1773760000 + i, "token-a",
                           "refresh-" + std::to_string(i)) == "accepted");
  }
  CHECK(bench.PortalOf("m1").waiting.size() == 1);

  // What was refused does not keep a later one from healing.
  bench.Refuse(bench.PortalOf("m1").waiting.at(0).id);
  CHECK(bench.PostSignal("ONOFFLINEEVENT", 1773770000) == "accepted");
  CHECK(bench.PortalOf("m1").waiting.empty());
  bench.clock.Advance(kHealingPause);
  CHECK(bench.PostSignal("ONOFFLINEEVENT", 1773770001) == "accepted");
  CHECK(bench.PortalOf("m1").waiting.size() == 1);
  CHECK(bench.Show("SELECT status FROM portals") == "dead");
}

TEST_CASE("healing: a signal larger than any installation is an event as before") {
  HealingBench bench;
  bench.Die();

  CHECK(bench.PostSignal("ONOFFLINEEVENT", 1773760000, "token-a", std::string(5000, 'x')) ==
        "accepted");

  CHECK_FALSE(bench.Take());
}

TEST_CASE("healing: the portal's application proves it, at whatever path it was posted") {
  HealingBench bench;
  const auto post = [&](const std::string& body, const std::string& application) {
    Claimed claimed;
    return WordOf(Await<Result<Committed>>([&](Ingest::Done done) {
      bench.ingest.Receive(BodyFormat::kForm, body, {EventSource::kWebhook, application}, claimed,
                           std::move(done));
    }));
  };
  Posted install{"ONAPPINSTALL", "data[VERSION]=2", 1773750000,
                 "m1",           "token-s",         "auth[access_token]=a&auth[refresh_token]=r"};
  REQUIRE(post(install.Body(), "shop") == "accepted");
  CHECK(bench.Take()->application == "shop");
  bench.Accept(bench.Take()->id, "m1");
  bench.Die();

  // Any other event counts at any path too: its application_token is one application's alone.
  CHECK(post(Posted{"ONIMCONNECTORMESSAGEADD", DataOf(1), 1773760000, "m1", "token-s"}.Body(),
             "desk") == "accepted");
  Posted signal{"ONOFFLINEEVENT", "",
                1773760000,       "m1",
                "token-s",        "auth[access_token]=a&auth[refresh_token]=new"};
  CHECK(post(signal.Body(), "") == "accepted");

  CHECK(bench.Take()->application == "shop");
}

TEST_CASE("healing: the same installation at another application's path is another one") {
  IngestBench bench;
  const std::string body =
      Posted{"ONAPPINSTALL", "data[VERSION]=1", 1773750000,
             "m1",           "token-a",         "auth[access_token]=a&auth[refresh_token]=r"}
          .Body();
  const auto post = [&](const std::string& application) {
    Claimed claimed;
    return WordOf(Await<Result<Committed>>([&](Ingest::Done done) {
      bench.ingest.Receive(BodyFormat::kForm, body, {EventSource::kWebhook, application}, claimed,
                           std::move(done));
    }));
  };

  CHECK(post("") == "accepted");
  CHECK(post("shop") == "accepted");
  CHECK(post("shop") == "duplicate");
  CHECK(bench.PortalOf("m1").waiting.size() == 2);
}

}  // namespace
}  // namespace imrelay
