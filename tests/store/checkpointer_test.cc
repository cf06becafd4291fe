#include "store/sqlite/checkpointer.h"

#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "store/sqlite/writer.h"
#include "tests/fakes/temporary_directory.h"
#include "tests/store/raw_database.h"

namespace imrelay {
namespace {

Database OpenAt(const std::string& path) {
  Result<Database> database = Database::Open(path, Database::Access::kReadWrite);
  REQUIRE(database.has_value());
  REQUIRE(database->Execute("PRAGMA journal_mode=WAL"));
  return *std::move(database);
}

struct CheckpointBench {
  CheckpointBench() { REQUIRE(raw.Execute("CREATE TABLE t (x INTEGER PRIMARY KEY, y BLOB)")); }

  // Commits `pages` pages, 50 at a time.
  void Fill(int pages) {
    for (int i = 0; i < pages; i += 50) {
      REQUIRE(writer.Run([](Database& database) {
        return database.Execute("INSERT INTO t (y) VALUES (zeroblob(50 * 4096))");
      }));
    }
  }
  std::uintmax_t LogPages() const { return std::filesystem::file_size(path + "-wal") / 4096; }

  TemporaryDirectory directory;
  std::string path = directory.File("x.db");
  Writer writer{OpenAt(path), OpenAt(path)};
  RawDatabase raw{path};
};

TEST_CASE("checkpointer: what was committed moves into the file while the writer lives") {
  CheckpointBench bench;

  bench.Fill(3000);

  while (std::filesystem::file_size(bench.path) < 1000 * 4096) std::this_thread::yield();
  CHECK(bench.raw.Show("PRAGMA integrity_check") == "ok");
}

TEST_CASE("checkpointer: the log does not grow without end under load") {
  CheckpointBench bench;

  bench.Fill(60000);

  CHECK(bench.LogPages() < 40000);
  CHECK(bench.raw.Show("SELECT count(*) FROM t") == "1200");
}

TEST_CASE("checkpointer: a reader that stays holds no commit up and sees what it saw") {
  CheckpointBench bench;
  bench.Fill(50);
  REQUIRE(bench.raw.Execute("BEGIN"));
  const std::string seen = bench.raw.Show("SELECT count(*) FROM t");

  bench.Fill(20000);

  CHECK(seen == "1");
  CHECK(bench.raw.Show("SELECT count(*) FROM t") == seen);
  REQUIRE(bench.raw.Execute("COMMIT"));
  CHECK(bench.raw.Show("SELECT count(*) FROM t") == "401");
}

TEST_CASE("checkpointer: a log that was read for long is cut soon after, with few commits") {
  CheckpointBench bench;
  bench.Fill(50);
  REQUIRE(bench.raw.Execute("BEGIN"));
  REQUIRE(bench.raw.Show("SELECT count(*) FROM t") == "1");
  bench.Fill(40000);
  REQUIRE(bench.LogPages() > 40000);
  REQUIRE(bench.raw.Execute("COMMIT"));

  // Fewer pages than a commit asks for a checkpoint after.
  for (int i = 0; i < 15 && bench.LogPages() > 17000; ++i) {
    std::this_thread::sleep_for(std::chrono::seconds(1));
    bench.Fill(50);
  }

  CHECK(bench.LogPages() <= 17000);
  CHECK(bench.raw.Show("PRAGMA integrity_check") == "ok");
}

TEST_CASE("checkpointer: a log that somebody reads is not begun anew, however long it is") {
  TemporaryDirectory directory;
  const std::string path = directory.File("x.db");
  Checkpointer checkpointer(OpenAt(path));

  // Of these pages none is in the log, so none is copied.
  for (int frames = 10; frames < 40000; frames += 1000) CHECK_FALSE(checkpointer.Committed(frames));
}

}  // namespace
}  // namespace imrelay
