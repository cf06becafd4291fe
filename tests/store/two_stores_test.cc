#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "tests/store/store_bench.h"

// Two processes on one database are two stores on one file: a restart overlaps them.

namespace imrelay {
namespace {

std::unique_ptr<SqliteStore> Second(const StoreBench& bench) {
  Result<std::unique_ptr<SqliteStore>> store = SqliteStore::Open(bench.path());
  REQUIRE(store.has_value());
  return *std::move(store);
}

TEST_CASE("two stores: every event is taken in by exactly one, from many threads") {
  StoreBench bench;
  bench.Install("m1");
  const std::unique_ptr<SqliteStore> second = Second(bench);
  Store* const stores[] = {&bench.store(), second.get()};
  constexpr int kEvents = 100;
  std::vector<Plan> plans;
  for (int i = 0; i < kEvents; ++i) plans.push_back(bench.PlanOf("m1", {Created(i + 1)}));
  std::atomic<int> accepted = 0;
  std::atomic<int> duplicate = 0;
  std::atomic<int> failed = 0;

  // Every event is posted four times, twice to each.
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      for (int j = i % 2; j < kEvents; j += 2) {
        const Result<Committed> committed =
            CommitTo(*stores[i / 4], plans[static_cast<std::size_t>(j)]);
        if (!committed) {
          ++failed;
        } else if (committed->answer == Committed::Answer::kAccepted) {
          ++accepted;
        } else {
          ++duplicate;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();

  CHECK(failed == 0);
  CHECK(accepted == kEvents);
  CHECK(duplicate == 3 * kEvents);
  CHECK(bench.Show("SELECT count(*) FROM messages") == std::to_string(kEvents));
  CHECK(bench.Show("SELECT count(*) FROM deliveries WHERE kind = 'message.created'") ==
        std::to_string(kEvents));
  CHECK(bench.Show("PRAGMA integrity_check") == "ok");
}

TEST_CASE("two stores: what one changes makes the other's older plans stale") {
  StoreBench bench;
  bench.Install("m1", 'a');
  const std::unique_ptr<SqliteStore> second = Second(bench);
  const Plan plan = bench.PlanOf("m1", {Created(1)});
  bench.Install("m1", 'b');

  CHECK(WordOf(CommitTo(*second, plan)) == "conflict");

  const Result<std::optional<Portal>> portal = second->FindPortal(MemberId("m1"));
  REQUIRE(portal.has_value());
  CHECK((*portal)->token == StoreBench::Token('b'));
}

TEST_CASE("two stores: one that is opened to look can act too") {
  StoreBench bench;
  bench.Install("m1");
  Result<std::unique_ptr<SqliteStore>> looking = SqliteStore::OpenExisting(bench.path());
  REQUIRE(looking.has_value());

  CHECK(WordOf((*looking)->RemovePortal(MemberId("m1"), bench.clock.Now())) == "done");

  CHECK_FALSE(bench.store().FindPortal(MemberId("m1"))->has_value());
}

TEST_CASE("two stores: readiness needs the file to be writable by us") {
  StoreBench bench;
  const std::string before = bench.Show("SELECT * FROM setting");
  CHECK(WordOf(CheckReady(bench.store())) == "done");
  CHECK(bench.Show("SELECT * FROM setting") == before);
  RawDatabase raw(bench.path());
  REQUIRE(raw.Execute("PRAGMA user_version = 0"));

  CHECK(WordOf(CheckReady(bench.store())) == "unavailable");
}

}  // namespace
}  // namespace imrelay
