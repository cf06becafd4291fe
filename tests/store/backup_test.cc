#include "store/sqlite/backup.h"

#include <doctest/doctest.h>
#include <errno.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/store/outbox_bench.h"

namespace {
std::atomic<int> failing_renames{0};  // the error of each; 0 while they work
std::atomic<bool> overtaken{false};   // somebody makes the file first
}  // namespace

// In the place of libc's, for the whole program: a file system that does not know its flags.
extern "C" int renameat2(int from_fd, const char* from, int to_fd, const char* to, unsigned flags) {
  if (overtaken) std::ofstream(to) << "mine";
  if (failing_renames != 0) {
    errno = failing_renames;
    return -1;
  }
  return static_cast<int>(syscall(SYS_renameat2, from_fd, from, to_fd, to, flags));
}

namespace imrelay {
namespace {

using Look = Database::Look;

struct BackupBench : OutboxBench {
  Result<Backup> Make(Look look = Look::kQuick) { return BackUp(path(), copy, look); }
  std::string ShowCopy(const std::string& query) const { return RawDatabase(copy).Show(query); }
  std::int64_t Files() const {
    return std::distance(std::filesystem::directory_iterator(place.File("")),
                         std::filesystem::directory_iterator());
  }

  TemporaryDirectory place;
  std::string copy = place.File("copy.db");
};

TEST_CASE("backup: the copy is whole, one file, its owner's alone, and says what it is") {
  BackupBench bench;
  REQUIRE(bench.Do("m1", Created(5)) == "accepted");

  const Result<Backup> backup = bench.Make(Look::kWhole);

  REQUIRE(backup.has_value());
  CHECK(backup->problems.empty());
  CHECK(backup->bytes() == static_cast<std::int64_t>(std::filesystem::file_size(bench.copy)));
  CHECK(std::to_string(backup->schema) == bench.ShowCopy("PRAGMA user_version"));
  CHECK(bench.ShowCopy("PRAGMA journal_mode") == "delete");
  CHECK(bench.ShowCopy("PRAGMA integrity_check") == "ok");
  CHECK(bench.ShowCopy("SELECT message_id FROM messages") == "5");
  CHECK(bench.Files() == 1);
  struct stat status {};
  REQUIRE(stat(bench.copy.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
}

TEST_CASE("backup: a file that is there stays as it is") {
  BackupBench bench;
  std::ofstream(bench.copy) << "mine";

  const Result<Backup> backup = bench.Make();

  REQUIRE_FALSE(backup.has_value());
  CHECK(backup.error().code == ErrorCode::kConflict);
  CHECK(backup.error().reason == kBackupExists);
  CHECK(BytesOf(bench.copy) == "mine");
  CHECK(bench.Files() == 1);
}

TEST_CASE("backup: a file system that cannot rename to new names only gets it by a link") {
  BackupBench bench;
  for (const int error : {EINVAL, ENOSYS}) {
    failing_renames = error;
    const Result<Backup> backup = bench.Make();
    failing_renames = 0;

    REQUIRE(backup.has_value());
    CHECK(bench.Files() == 1);
    CHECK(bench.ShowCopy("PRAGMA integrity_check") == "ok");
    std::filesystem::remove(bench.copy);
  }
  failing_renames = EINVAL;
  overtaken = true;
  const Result<Backup> late = bench.Make();
  overtaken = false;
  REQUIRE_FALSE(late.has_value());
  CHECK(late.error().reason == kBackupExists);
  CHECK(BytesOf(bench.copy) == "mine");
  std::filesystem::remove(bench.copy);

  failing_renames = EACCES;
  const Result<Backup> refused = bench.Make();
  failing_renames = 0;
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == ErrorCode::kUnavailable);
  CHECK(bench.Files() == 0);
}

TEST_CASE("backup: what a killed backup left is taken over") {
  BackupBench bench;
  std::ofstream(bench.copy + ".partial") << std::string(100000, 'x');

  CHECK(bench.Make().has_value());

  CHECK(bench.Files() == 1);
  CHECK(bench.ShowCopy("PRAGMA integrity_check") == "ok");
}

TEST_CASE("backup: commits go on meanwhile, and the copy is of one moment") {
  BackupBench bench;
  std::atomic<bool> stop = false;
  std::atomic<int> commits = 0;
  std::thread others([&] {
    for (int i = 1; !stop; ++i) {
      if (bench.Do("m1", Created(i)) == "accepted") ++commits;
    }
  });
  while (commits < 50) std::this_thread::yield();

  const Result<Backup> backup = bench.Make();

  stop = true;
  others.join();
  REQUIRE(backup.has_value());
  CHECK(backup->problems.empty());
  CHECK(bench.ShowCopy("SELECT count(*) >= 50 FROM messages") == "1");
  // A message, its event and its delivery come in one commit.
  CHECK(bench.ShowCopy("SELECT (SELECT count(*) FROM messages) = "
                       "(SELECT count(*) FROM deliveries WHERE kind = 'message.created')") == "1");
}

TEST_CASE("backup: a damaged database is told, and nothing is left behind") {
  BackupBench bench;
  for (int i = 1; i <= 300; ++i) REQUIRE(bench.Do("m1", Created(i)) == "accepted");
  const std::string damaged = bench.place.File("damaged.db");
  REQUIRE(BackUp(bench.path(), damaged, Look::kQuick).has_value());
  const std::string root =
      RawDatabase(damaged).Show("SELECT rootpage FROM sqlite_schema WHERE name = 'message'");
  {
    std::fstream file(damaged, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp((std::stoll(root) - 1) * 4096);
    file << std::string(4096, '\x55');
  }

  const Result<Backup> backup = BackUp(damaged, bench.copy, Look::kQuick);

  REQUIRE_FALSE(backup.has_value());
  CHECK(backup.error().reason == kDatabaseDamaged);
  CHECK(bench.Files() == 1);
}

TEST_CASE("backup: rows that cannot be right are told") {
  BackupBench bench;
  for (int i = 1; i <= 3; ++i) REQUIRE(bench.Do("m1", Created(i)) == "accepted");
  RawDatabase raw(bench.path());
  REQUIRE(
      raw.Execute("UPDATE delivery SET head = 0 WHERE head = 1 AND kind = 'message.created';"
                  "UPDATE tally SET received = received + 7 WHERE what = 'message'"));

  const Result<Backup> backup = bench.Make();

  REQUIRE(backup.has_value());
  REQUIRE(backup->problems.size() == 2);
  CHECK(backup->problems[0].starts_with("3 deliveries wait"));
  CHECK(backup->problems[1].starts_with("7 more messages"));
}

// A channel drops what it had before, so what is queued in a copy must not look like something
// else.
TEST_CASE("backup: what was queued keeps its key in a copy, what comes later gets another") {
  BackupBench bench;
  REQUIRE(bench.Do("m1", Created(5)) == "accepted");
  REQUIRE(bench.Make().has_value());
  const std::string before = bench.TakeOne().key;
  REQUIRE(bench.Do("m1", Created(6, PlaceOf("conn", 7, "chat-2"))) == "accepted");
  const Delivery original = bench.TakeOne();

  Result<std::unique_ptr<SqliteStore>> store = SqliteStore::Open(bench.copy);
  REQUIRE(store.has_value());
  Plan plan = bench.PlanOf("m1", {Created(7, PlaceOf("conn", 7, "chat-2"))});
  REQUIRE(CommitTo(**store, std::move(plan)).has_value());
  std::vector<Ask> asks;
  Result<std::vector<ReadyQueue>> ready = (*store)->FindReady(Target::kChannel);
  REQUIRE(ready.has_value());
  for (const ReadyQueue& queue : *ready) asks.push_back({queue.id, 10});
  Result<std::vector<Delivery>> taken =
      (*store)->Turn({}, Target::kChannel, asks, 12, bench.clock.Now());

  REQUIRE(taken.has_value());
  REQUIRE(taken->size() == 2);
  CHECK(taken->at(0).key == before);
  CHECK(taken->at(1).id == original.id);
  CHECK(taken->at(1).key != original.key);
}

TEST_CASE("backup: a copy of a copy tells its deliveries apart, too") {
  BackupBench bench;
  REQUIRE(bench.Make().has_value());
  const std::string second = bench.place.File("second.db");

  REQUIRE(BackUp(bench.copy, second, Look::kQuick).has_value());

  const std::string own = "SELECT value FROM setting WHERE name = 'database_id'";
  const std::string last =
      "SELECT database_id FROM delivery_series ORDER BY first_delivery DESC LIMIT 1";
  CHECK(RawDatabase(second).Show(own) == RawDatabase(second).Show(last));
  CHECK(RawDatabase(second).Show(own) != bench.ShowCopy(own));
  CHECK(bench.Show("SELECT count(*) FROM delivery_series") == "0");
}

}  // namespace
}  // namespace imrelay
