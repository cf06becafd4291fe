#include "recovery/offline_queue.h"

#include <doctest/doctest.h>

#include <memory>
#include <optional>

#include "tests/install/tokens_bench.h"
#include "tests/recovery/scripted_queue.h"

namespace imrelay {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

struct Bench : TokensBench {
  explicit Bench(bool extended = false) {
    InstallPortal();
    // Good for ever, whatever is done to the clock.
    REQUIRE(RawDatabase(path()).Execute("UPDATE portal SET token_expires_at = 4000000000"));
    queue.extended = extended;
    Restart();
  }
  // A new process.
  void Restart() {
    TokensBench::Restart();
    queue.before = nullptr;
    queue.after = nullptr;
    api.emplace(*tokens, calls, rate_limit, portals, clock,
                [this](milliseconds time) { clock.Advance(time); });
    ingest.emplace(store(), keyring, clock);
    reader.emplace(sqlite(), *ingest, *api, clock);
  }
  bool ReadOne() {
    const Result<bool> read = reader->ReadOne();
    REQUIRE(read.has_value());
    return *read;
  }
  // One read, from a new process.
  void ReadAnew() {
    Restart();
    CHECK(ReadOne());
  }
  OfflineQueueState State() { return sqlite().FindOfflineQueue(Row().id).value(); }
  // event, status and count of what came from the queue.
  std::string Taken() {
    return Show(
        "SELECT substr(event, 21), status, count(*) FROM events WHERE source = 'offline' "
        "GROUP BY 1, 2 ORDER BY 1, 2");
  }
  std::string Deliveries() {
    return Show("SELECT kind, count(*) FROM deliveries WHERE kind LIKE 'message.%' GROUP BY 1");
  }

  ScriptedQueue queue;
  PortalCalls calls{queue, clock};
  RateLimit rate_limit{path() + "-calls", {1000, 1000}, clock};
  std::optional<PortalApi> api;
  std::optional<Ingest> ingest;
  std::optional<OfflineQueue> reader;
};

void AddSome(ScriptedQueue& queue) {
  queue.Add("ADD", 1, 0);
  queue.Add("ADD", 2, 1);
  queue.Add("UPDATE", 2, 2, "edited");
  queue.Add("DELETE", 1, 3);
}

TEST_CASE("offline_queue: takes everything in, and out of the queue, once") {
  bool extended = false;
  SUBCASE("on every plan") {}
  SUBCASE("in reserved batches") { extended = true; }
  Bench bench(extended);
  AddSome(bench.queue);

  CHECK(bench.ReadOne());

  CHECK(bench.queue.rows.empty());
  CHECK(bench.Taken() == "ADD|applied|2\nDELETE|applied|1\nUPDATE|applied|1");
  CHECK(bench.Deliveries() == "message.created|2\nmessage.deleted|1\nmessage.updated|1");
  CHECK(bench.State().problem == "");
  CHECK(bench.State().read_at == bench.clock.Now());
  CHECK(bench.State().extended == extended);
  CHECK(bench.queue.Count("event.offline.clear") == (extended ? 1 : 0));
  CHECK_FALSE(bench.ReadOne());
}

// Every crash between two steps, and what the next process makes of it.
TEST_CASE("offline_queue: a crash at any call repeats and never loses") {
  for (const bool extended : {false, true}) {
    for (const bool done : {false, true}) {
      int crashes = 0;
      for (int at = 0;; ++at) {
        CAPTURE(extended);
        CAPTURE(done);
        CAPTURE(at);
        Bench bench(extended);
        AddSome(bench.queue);
        int call = 0;
        const auto crash = [&](const std::string&) {
          if (call++ == at) throw Crash();
        };
        (done ? bench.queue.after : bench.queue.before) = crash;
        bool crashed = false;
        try {
          static_cast<void>(bench.reader->ReadOne());
        } catch (const Crash&) {
          crashed = true;
        }

        bench.ReadAnew();

        CHECK(bench.queue.rows.empty());
        CHECK(bench.Taken() == "ADD|applied|2\nDELETE|applied|1\nUPDATE|applied|1");
        CHECK(bench.Deliveries() == "message.created|2\nmessage.deleted|1\nmessage.updated|1");
        if (!crashed) break;
        ++crashes;
      }
      CHECK(crashes >= 3);
    }
  }
}

TEST_CASE("offline_queue: nothing is taken out that is not on disk") {
  bool extended = false;
  SUBCASE("on every plan") {}
  SUBCASE("in reserved batches") { extended = true; }
  Bench bench(extended);
  AddSome(bench.queue);
  REQUIRE(RawDatabase(bench.path())
              .Execute("CREATE TRIGGER full BEFORE INSERT ON event WHEN NEW.event LIKE '%UPDATE' "
                       "BEGIN SELECT RAISE(ABORT, 'full'); END"));

  CHECK(bench.ReadOne());
  CHECK(bench.queue.rows.size() == 4);
  CHECK(bench.State().problem == "not_stored");

  REQUIRE(RawDatabase(bench.path()).Execute("DROP TRIGGER full"));
  bench.clock.Advance(seconds(10));
  CHECK(bench.ReadOne());
  CHECK(bench.queue.rows.empty());
  CHECK(bench.State().problem == "");
  CHECK(bench.Deliveries() == "message.created|2\nmessage.deleted|1\nmessage.updated|1");
}

TEST_CASE("offline_queue: what a dead process reserved is found, on a plan without that too") {
  Bench bench;
  AddSome(bench.queue);
  bench.queue.rows[1].process_id = "nobody knows it";
  bench.queue.rows[3].process_id = "nor this one";

  CHECK(bench.ReadOne());

  CHECK(bench.queue.rows.empty());
  CHECK(bench.Taken() == "ADD|applied|2\nDELETE|applied|1\nUPDATE|applied|1");
}

TEST_CASE("offline_queue: what was queued between list and get is kept from the answer of get") {
  Bench bench;
  AddSome(bench.queue);
  bench.queue.before = [&](const std::string& method) {
    if (method != "event.offline.get" || bench.queue.rows.size() != 4) return;
    // One whose transaction ended after a later one's, within what was listed.
    ScriptedQueue::Row late = bench.queue.rows[0];
    bench.queue.Add("ADD", 3, 2);
    std::swap(bench.queue.rows[1], bench.queue.rows[4]);
    std::swap(bench.queue.rows[1].id, bench.queue.rows[4].id);
  };

  CHECK(bench.ReadOne());
  bench.queue.before = nullptr;
  bench.ReadAnew();

  CHECK(bench.queue.rows.empty());
  CHECK(bench.Taken() == "ADD|applied|3\nDELETE|applied|1\nUPDATE|applied|1");
}

TEST_CASE("offline_queue: edits are applied in the order they were written down") {
  Bench bench;
  bench.queue.Add("UPDATE", 1, 30, "third");
  bench.queue.Add("UPDATE", 1, 10, "first");
  bench.queue.Add("UPDATE", 1, 20, "second");

  CHECK(bench.ReadOne());

  CHECK(bench.Show("SELECT group_concat(json_extract(payload, '$.text'), ' ') FROM (SELECT payload "
                   "FROM delivery WHERE kind = 'message.updated' ORDER BY delivery_id)") ==
        "first second third");
}

TEST_CASE("offline_queue: a long queue is read in several turns") {
  for (const bool extended : {false, true}) {
    CAPTURE(extended);
    Bench bench(extended);
    for (int i = 0; i < 600; ++i) bench.queue.Add("ADD", 1000 + i, i);

    int turns = 0;
    while (bench.ReadOne()) {
      ++turns;
      bench.clock.Advance(seconds(1));
    }

    CHECK(turns == 3);
    CHECK(bench.queue.rows.empty());
    CHECK(bench.Taken() == "ADD|applied|600");
  }
}

TEST_CASE("offline_queue: is read after a start, then now and then, and when an event says so") {
  Bench bench;
  CHECK(bench.ReadOne());
  CHECK_FALSE(bench.ReadOne());
  // It comes back up to a quarter of the time sooner.
  const seconds shortest = seconds(kOfflineEvery) * 3 / 4;
  bench.clock.Advance(shortest - seconds(1));
  CHECK_FALSE(bench.ReadOne());
  bench.clock.Advance(kOfflineEvery - shortest + seconds(1));
  CHECK(bench.ReadOne());

  Plan plan = bench.PlanOf("m1", {});
  plan.offline_queue_filled = true;
  REQUIRE(bench.Commit(plan) == "accepted");
  CHECK_FALSE(bench.ReadOne());
  bench.clock.Advance(seconds(kOfflinePauseSeconds));
  CHECK(bench.ReadOne());
  CHECK_FALSE(bench.ReadOne());

  bench.ReadAnew();
}

TEST_CASE("offline_queue: an installation makes it due, and is asked anew what its plan has") {
  Bench bench;
  CHECK(bench.ReadOne());
  CHECK(bench.queue.Count("feature.get") == 1);
  bench.clock.Advance(kOfflineEvery);
  CHECK(bench.ReadOne());
  CHECK(bench.queue.Count("feature.get") == 1);

  bench.Accept(bench.Post("m1", 'b'), "m1", "access-1", "refresh-1",
               "https://portal.example/rest/");
  CHECK(bench.ReadOne());
  CHECK(bench.queue.Count("feature.get") == 2);
}

TEST_CASE("offline_queue: a plan that lost the feature is read as every other") {
  Bench bench(true);
  CHECK(bench.ReadOne());
  bench.queue.extended = false;
  AddSome(bench.queue);
  bench.clock.Advance(kOfflineEvery);

  CHECK(bench.ReadOne());

  CHECK(bench.queue.rows.empty());
  CHECK(bench.State().extended == false);
}

TEST_CASE("offline_queue: a portal that refuses is asked less and less often, and told of") {
  Bench bench;
  bench.queue.faults["event.offline.list"] = {403, R"({"error":"ACCESS_DENIED"})"};
  CHECK(bench.ReadOne());
  CHECK(bench.State().problem == "access_denied");
  CHECK_FALSE(bench.State().read_at.has_value());

  const TimePoint begun = bench.clock.Now();
  int tries = 0;
  while (bench.clock.Now() < begun + minutes(50)) {
    bench.clock.Advance(seconds(5));
    tries += bench.ReadOne() ? 1 : 0;
  }
  CHECK(tries >= 8);
  CHECK(tries <= 16);

  bench.queue.faults.clear();
  AddSome(bench.queue);
  bench.clock.Advance(kOfflineEvery);
  CHECK(bench.ReadOne());
  CHECK(bench.State().problem == "");
  CHECK(bench.queue.rows.empty());
}

TEST_CASE("offline_queue: a page beyond our limits is read in parts") {
  Bench bench;
  AddSome(bench.queue);
  // Whatever holds the second of them has more values than we take.
  std::string many = "[1";
  for (int i = 0; i < 5000; ++i) many += ",1";
  bench.queue.rows[1].data = many + "]";

  CHECK(bench.ReadOne());

  CHECK(bench.State().problem == "event_too_large");
  // It stays, where somebody may look at it.
  REQUIRE(bench.queue.rows.size() == 1);
  CHECK(bench.queue.rows[0].id == 101);
  CHECK(bench.Taken() == "ADD|applied|1\nDELETE|applied|1\nUPDATE|applied|1");
}

TEST_CASE("offline_queue: no call goes to a portal that is not active") {
  Bench bench;
  REQUIRE(bench.Do("m1", PortalUninstalled{false}) == "accepted");
  CHECK_FALSE(bench.ReadOne());
  CHECK(bench.queue.calls.empty());
}

TEST_CASE("offline_queue: one that is uninstalled while it is read ends that read alone") {
  Bench bench;
  AddSome(bench.queue);
  bench.queue.after = [&](const std::string& method) {
    if (method == "event.offline.list") {
      REQUIRE(bench.Do("m1", PortalUninstalled{false}) == "accepted");
    }
  };
  CHECK(bench.ReadOne());
  CHECK_FALSE(bench.ReadOne());
  CHECK(bench.Deliveries() == "");
}

TEST_CASE("offline_queue: a stop ends a read before its next call, and the next process goes on") {
  Bench bench;
  AddSome(bench.queue);
  bench.queue.after = [&](const std::string& method) {
    if (method == "event.offline.list") bench.reader->Stop();
  };
  CHECK_FALSE(bench.ReadOne());
  CHECK(bench.queue.Count("event.offline.get") == 0);

  bench.ReadAnew();
  CHECK(bench.queue.rows.empty());
}

TEST_CASE("offline_queue: clear names ids and never message ids, which the portal would prefer") {
  Bench bench(true);
  AddSome(bench.queue);
  CHECK(bench.ReadOne());
  CHECK(bench.queue.bodies.back().find("\"id\":[100,101,102,103]") != std::string::npos);
  CHECK(bench.queue.bodies.back().find("message_id") == std::string::npos);
  for (std::size_t i = 0; i < bench.queue.calls.size(); ++i) {
    if (bench.queue.calls[i] != "event.offline.get") continue;
    // One that is given, even an empty one, would have everything of it taken out.
    CHECK(bench.queue.bodies[i].find("process_id") == std::string::npos);
  }
}

}  // namespace
}  // namespace imrelay
