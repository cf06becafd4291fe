#include "recovery/replay.h"

#include <doctest/doctest.h>

#include "tests/ingest/ingest_bench.h"

namespace imrelay {
namespace {

// A portal with its installation as event 1, and what replaying an event tells.
class ReplayBench : public IngestBench {
 public:
  ReplayBench() { InstallPortal(); }

  std::string Replay(std::int64_t event) {
    const Result<Replayed> replayed = ReplayEvent(store(), other_process, EventId(event));
    if (!replayed) return WordOf(Status(tl::unexpected(replayed.error())));
    return replayed->changed ? "applied" : replayed->reason;
  }
  std::int64_t LastEvent() { return std::stoll(Show("SELECT max(id) FROM events")); }
  std::string Everything() {
    return Show("SELECT * FROM messages ORDER BY message_id, external_message_id") + '\n' +
           Show("SELECT * FROM deliveries ORDER BY id") + '\n' +
           Show("SELECT * FROM events ORDER BY id");
  }
  RawDatabase& raw() { return raw_; }

 private:
  RawDatabase raw_{path()};
};

TEST_CASE("replay: what was applied is not done again") {
  ReplayBench bench;
  const Posted posts[] = {
      {"ONIMCONNECTORMESSAGEADD", DataOf(1)},
      {"ONIMCONNECTORMESSAGEUPDATE", DataOf(1, "x", "edited"), 1773748801},
      {"ONIMCONNECTORMESSAGEDELETE", DataOf(1, "x"), 1773748802},
      {"ONIMCONNECTORDIALOGSTART",
       "data[CONNECTOR]=myconnector&data[LINE]=7&data[DATA][0][connector][chat_id]=chat-1"
       "&data[DATA][0][session][id]=3&data[DATA][0][user]=0",
       1773748803},
      {"ONIMCONNECTORSTATUSDELETE", "data[connector]=myconnector&data[line]=7", 1773748804},
  };
  for (const Posted& post : posts) {
    CAPTURE(post.event);
    const std::string answer = bench.Post(post);
    const std::int64_t event = bench.LastEvent();
    const std::string before = bench.Everything();

    CHECK(bench.Replay(event) != "applied");

    CHECK(bench.Everything() == before);
    CHECK(answer == "accepted");
  }
}

TEST_CASE("replay: an ignored event that can be used now is applied, once") {
  ReplayBench bench;
  REQUIRE(bench.Post(Posted{"ONIMCONNECTORMESSAGEDELETE", DataOf(5, "ext-5")}) == "accepted");
  const std::int64_t event = bench.LastEvent();
  // As a former version would have left it, which could not read it.
  REQUIRE(
      bench.raw().Execute("DELETE FROM message; DELETE FROM delivery; "
                          "UPDATE event SET status = 'ignored', reason = 'invalid_id' "
                          "WHERE event = 'ONIMCONNECTORMESSAGEDELETE'"));

  CHECK(bench.Replay(event) == "applied");

  CHECK(bench.Show("SELECT message_id, external_message_id, outcome FROM messages") ==
        "5|ext-5|pending");
  CHECK(bench.Show("SELECT kind, state FROM deliveries") == "message.deleted|pending");
  CHECK(bench.Show("SELECT status, reason FROM event WHERE event_id = " + std::to_string(event)) ==
        "applied|NULL");
  CHECK(bench.Replay(event) == "already_deleted");
  CHECK(bench.Show("SELECT count(*) FROM deliveries") == "1");
}

TEST_CASE("replay: an old edit does not come after a newer one") {
  ReplayBench bench;
  REQUIRE(bench.Post(Posted{"ONIMCONNECTORMESSAGEUPDATE", DataOf(1, "x", "old")}) == "accepted");
  const std::int64_t old = bench.LastEvent();
  bench.clock.Advance(std::chrono::minutes(1));
  REQUIRE(bench.Post(Posted{"ONIMCONNECTORMESSAGEUPDATE", DataOf(1, "x", "new"), 1773748801}) ==
          "accepted");
  REQUIRE(bench.raw().Execute("UPDATE event SET status = 'ignored' WHERE event_id = " +
                              std::to_string(old)));

  CHECK(bench.Replay(old) == "already_edited");
}

TEST_CASE("replay: what can never be applied is refused with the reason") {
  ReplayBench bench;
  const std::int64_t installed = bench.LastEvent();
  REQUIRE(bench.Post(Posted{"ONIMCONNECTORMESSAGEDELETE", DataOf(5, "ext-5")}) == "accepted");
  const std::int64_t event = bench.LastEvent();
  const auto set = [&](const std::string& what) {
    REQUIRE(bench.raw().Execute("UPDATE event SET " + what +
                                " WHERE event_id = " + std::to_string(event)));
  };

  CHECK(bench.Replay(9999) == "not_found");
  CHECK(bench.Replay(installed) == "conflict");
  for (const char* state :
       {"status = 'waiting'", "status = 'rejected'", "status = 'ignored', body = NULL"}) {
    CAPTURE(state);
    set(state);
    CHECK(bench.Replay(event) == "conflict");
  }
}

TEST_CASE("replay: an uninstallation does not end a later installation, nor what follows it") {
  ReplayBench bench;
  REQUIRE(bench.Post(Posted{"ONAPPUNINSTALL", "data[CLEAN]=0", 1773748900}) == "accepted");
  const std::int64_t uninstalled = bench.LastEvent();
  CHECK(bench.Replay(uninstalled) == "uninstalled");
  bench.InstallPortal("token-b", 1773749000);

  CHECK(bench.Replay(uninstalled) != "applied");

  CHECK(bench.Show("SELECT status FROM portals") == "active");
}

}  // namespace
}  // namespace imrelay
