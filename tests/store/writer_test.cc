#include "store/sqlite/writer.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <new>
#include <thread>
#include <vector>

#include "tests/fakes/temporary_directory.h"
#include "tests/store/raw_database.h"

namespace imrelay {
namespace {

// A writer on a file with one table, and a connection that looks.
struct WriterBench {
  WriterBench() { REQUIRE(raw.Execute("CREATE TABLE t (x INTEGER PRIMARY KEY, y TEXT)")); }

  static Database OpenAt(const std::string& path) {
    Result<Database> database = Database::Open(path, Database::Access::kReadWrite);
    REQUIRE(database.has_value());
    REQUIRE(database->Execute("PRAGMA journal_mode=WAL"));
    return *std::move(database);
  }
  std::string Show() { return raw.Show("SELECT group_concat(x) FROM t"); }

  TemporaryDirectory directory;
  std::string path = directory.File("x.db");
  Writer writer{OpenAt(path), OpenAt(path)};
  RawDatabase raw{path};
};

Writer::Job Insert(int number) {
  return [number](Database& database) {
    return database.Execute(("INSERT INTO t VALUES (" + std::to_string(number) + ", 'y')").c_str());
  };
}

// Holds the writer in one job while others queue up behind it, so that those make one batch.
class Gate {
 public:
  Writer::Job Job() {
    return [this](Database&) -> Status {
      entered_ = true;
      entered_.notify_all();
      open_.wait(false);
      return {};
    };
  }
  void AwaitEntered() { entered_.wait(false); }
  void Open() {
    open_ = true;
    open_.notify_all();
  }

 private:
  std::atomic<bool> entered_ = false;
  std::atomic<bool> open_ = false;
};

// Runs the jobs as one batch, each from its own thread. Their results in order.
std::vector<Status> RunTogether(WriterBench& bench, const std::vector<Writer::Job>& jobs) {
  Gate gate;
  std::thread holder([&] { CHECK(bench.writer.Run(gate.Job()).has_value()); });
  gate.AwaitEntered();
  std::vector<Status> results(jobs.size());
  std::vector<std::thread> threads;
  std::atomic<std::size_t> started = 0;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    threads.emplace_back([&, i] {
      ++started;
      results[i] = bench.writer.Run(jobs[i]);
    });
  }
  while (started < jobs.size()) std::this_thread::yield();
  gate.Open();
  holder.join();
  for (std::thread& thread : threads) thread.join();
  return results;
}

TEST_CASE("writer: what it says is done is there for everybody") {
  WriterBench bench;

  CHECK(bench.writer.Run(Insert(1)).has_value());

  CHECK(bench.Show() == "1");
}

TEST_CASE("writer: a failing job undoes itself alone") {
  WriterBench bench;
  const auto failing = [](Database& database) -> Status {
    REQUIRE(Insert(100)(database).has_value());
    return Fail(ErrorCode::kConflict, "changed my mind");
  };

  const std::vector<Status> results =
      RunTogether(bench, {Insert(1), failing, Insert(2), Insert(2), Insert(3)});

  CHECK(results[0].has_value());
  REQUIRE_FALSE(results[1].has_value());
  CHECK(results[1].error().code == ErrorCode::kConflict);
  CHECK(results[2].has_value() != results[3].has_value());
  CHECK(results[4].has_value());
  CHECK(bench.Show() == "1,2,3");
}

TEST_CASE("writer: a job that runs out of memory fails alone") {
  WriterBench bench;
  const auto failing = [](Database& database) -> Status {
    REQUIRE(Insert(100)(database).has_value());
    throw std::bad_alloc();
  };

  const std::vector<Status> results = RunTogether(bench, {failing, Insert(1)});

  REQUIRE_FALSE(results[0].has_value());
  CHECK(results[0].error().code == ErrorCode::kUnavailable);
  CHECK(results[1].has_value());
  CHECK(bench.Show() == "1");
}

TEST_CASE("writer: a job that cannot be undone alone takes its batch along") {
  WriterBench bench;
  int runs = 0;
  const auto failing = [&runs](Database& database) -> Status {
    REQUIRE(Insert(100)(database).has_value());
    // What stands for an undoing that fails: the savepoint is gone. The first run has none.
    if (++runs == 2) REQUIRE(database.Execute("RELEASE job").has_value());
    return Fail(ErrorCode::kConflict, "changed my mind");
  };

  const std::vector<Status> results = RunTogether(bench, {failing});

  REQUIRE_FALSE(results[0].has_value());
  CHECK(bench.Show() == "NULL");
  CHECK(bench.writer.Run(Insert(1)).has_value());
  CHECK(bench.Show() == "1");
}

TEST_CASE("writer: many threads lose nothing") {
  WriterBench bench;
  constexpr int kThreads = 16;
  constexpr int kEach = 50;
  std::atomic<int> failed = 0;

  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (int j = 0; j < kEach; ++j) {
        if (!bench.writer.Run(Insert(i * kEach + j))) ++failed;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();

  CHECK(failed == 0);
  CHECK(bench.raw.Show("SELECT count(*), min(x), max(x) FROM t") == "800|0|799");
}

TEST_CASE("writer: what waits is committed together") {
  WriterBench bench;
  std::vector<Writer::Job> jobs;
  // Each job remembers whether it found the one before it uncommitted: a second connection does
  // not see what is not committed yet.
  std::atomic<int> seen_by_others = 0;
  for (int i = 0; i < 20; ++i) {
    jobs.emplace_back([&, i](Database& database) -> Status {
      Status done = Insert(i)(database);
      if (RawDatabase(bench.path).Show("SELECT count(*) FROM t") != "0") ++seen_by_others;
      return done;
    });
  }

  for (const Status& status : RunTogether(bench, jobs)) CHECK(status.has_value());

  // The threads' calls may reach the queue a moment apart; nearly all are one batch.
  CHECK(seen_by_others < 10);
  CHECK(bench.raw.Show("SELECT count(*) FROM t") == "20");
}

TEST_CASE("writer: waits for a lock of others") {
  WriterBench bench;
  REQUIRE(bench.raw.Execute("BEGIN IMMEDIATE"));
  std::atomic<bool> finished = false;
  Status status;
  std::thread caller([&] {
    status = bench.writer.Run(Insert(1));
    finished = true;
  });
  // SQLite asks again after some milliseconds, so the job cannot be through before the release.
  REQUIRE(bench.raw.Execute("INSERT INTO t VALUES (7, '')"));
  CHECK_FALSE(finished);

  REQUIRE(bench.raw.Execute("COMMIT"));
  caller.join();

  CHECK(status.has_value());
  CHECK(bench.Show() == "1,7");
}

TEST_CASE("writer: gets its turn beside another that commits without a pause") {
  WriterBench bench;
  Writer late(WriterBench::OpenAt(bench.path), WriterBench::OpenAt(bench.path),
              Patience::kOfRequests);
  // What could not commit does not wait long any more.
  REQUIRE(bench.raw.Execute("BEGIN IMMEDIATE"));
  REQUIRE_FALSE(late.Run(Insert(1)).has_value());
  REQUIRE(bench.raw.Execute("ROLLBACK"));
  std::atomic<bool> stopped = false;
  std::atomic<int> commits = 0;
  const auto slow = [](Database&) {
    std::this_thread::sleep_for(std::chrono::milliseconds(60));
    return Status();
  };
  std::vector<std::thread> others;
  for (int i = 0; i < 2; ++i) {  // so that one waits always
    others.emplace_back([&] {
      while (!stopped) {
        CHECK(bench.writer.Run(slow).has_value());
        ++commits;
      }
    });
  }
  while (commits < 2) std::this_thread::yield();

  bool committed = false;
  for (int i = 0; i < 3 && !committed; ++i) committed = late.Run(Insert(1)).has_value();
  stopped = true;
  for (std::thread& other : others) other.join();

  CHECK(committed);
}

TEST_CASE("writer: one that stands still while it waits for its turn holds up nobody for long") {
  WriterBench bench;
  const Result<FileLock> turn = FileLock::Wait(bench.path + "-turn", 0, std::chrono::seconds(1));
  REQUIRE(turn.has_value());

  for (int i = 0; i < 20; ++i) CHECK(bench.writer.Run(Insert(i)).has_value());
}

TEST_CASE("writer: on a full disk what is refused left no trace and the rest is there") {
  WriterBench bench;
  REQUIRE(bench.writer.Run(Insert(1)).has_value());
  REQUIRE(bench.writer
              .Run([](Database& database) { return database.Execute("PRAGMA max_page_count = 4"); })
              .has_value());
  const auto large = [](Database& database) {
    Status done = Insert(100)(database);
    if (!done) return done;
    return database.Execute("INSERT INTO t VALUES (101, hex(zeroblob(100000)))");
  };

  const std::vector<Status> results = RunTogether(bench, {Insert(2), large, Insert(3)});

  REQUIRE_FALSE(results[1].has_value());
  CHECK(results[1].error().code == ErrorCode::kUnavailable);
  const std::string expected =
      std::string("1") + (results[0] ? ",2" : "") + (results[2] ? ",3" : "");
  CHECK(bench.Show() == expected);
  for (const Status& status : {results[0], results[2]}) {
    if (!status) CHECK(status.error().code == ErrorCode::kUnavailable);
  }
  // There is room again.
  REQUIRE(bench.writer
              .Run([](Database& database) {
                return database.Execute("PRAGMA max_page_count = 100000");
              })
              .has_value());
  CHECK(bench.writer.Run(large).has_value());
}

TEST_CASE("writer: a job that loses the whole transaction takes its batch along") {
  WriterBench bench;
  // What SQLite does by itself after some errors of the disk.
  const auto losing = [](Database& database) -> Status {
    REQUIRE(database.Execute("ROLLBACK").has_value());
    return Fail(ErrorCode::kUnavailable, "disk");
  };
  const auto both = [&](Database& database) -> Status {
    REQUIRE(Insert(1)(database).has_value());
    return losing(database);
  };

  const std::vector<Status> results = RunTogether(bench, {both});

  REQUIRE_FALSE(results[0].has_value());
  CHECK(results[0].error().code == ErrorCode::kUnavailable);
  CHECK(bench.Show() == "NULL");
  CHECK(bench.writer.Run(Insert(2)).has_value());
  CHECK(bench.Show() == "2");
}

TEST_CASE("writer: a statement left at a row holds nobody up") {
  TemporaryDirectory directory;
  const std::string path = directory.File("x.db");
  Writer writer(WriterBench::OpenAt(path), WriterBench::OpenAt(path));
  RawDatabase raw(path);
  REQUIRE(
      raw.Execute("CREATE TABLE setting (name TEXT PRIMARY KEY, value ANY) STRICT;"
                  "INSERT INTO setting VALUES ('a', 1)"));
  const auto look = [](Database& database) -> Status {
    Statement& find = database.Prepare(sql::kSettingFind);
    Result<bool> row = find.Bind("a").Step();
    return row && *row ? Status() : Fail(ErrorCode::kInternal, "no row");
  };

  CHECK(writer.Run(look).has_value());
  CHECK(raw.Execute("UPDATE setting SET value = 2"));
  CHECK(writer
            .Run([](Database& database) {
              return database.Execute("UPDATE setting SET value = value + 1");
            })
            .has_value());
  CHECK(raw.Show("SELECT value FROM setting") == "3");
}

TEST_CASE("writer: a file that turned read-only fails every job and changes nothing") {
  WriterBench bench;
  REQUIRE(bench.writer.Run(Insert(1)).has_value());
  REQUIRE(bench.writer
              .Run([](Database& database) { return database.Execute("PRAGMA query_only = ON"); })
              .has_value());

  for (const int number : {2, 3}) {
    const Status status = bench.writer.Run(Insert(number));
    REQUIRE_FALSE(status.has_value());
    CHECK(status.error().code == ErrorCode::kUnavailable);
  }

  CHECK(bench.Show() == "1");
}

TEST_CASE("writer: a job that fails before it changes anything makes no other run twice") {
  WriterBench bench;
  std::atomic<int> runs = 0;
  const auto counted = [&](Database& database) {
    ++runs;
    return Insert(1)(database);
  };
  const auto failing = [](Database&) -> Status { return Fail(ErrorCode::kConflict, "no"); };

  const std::vector<Status> results = RunTogether(bench, {counted, failing});

  CHECK(results[0].has_value());
  CHECK_FALSE(results[1].has_value());
  CHECK(runs == 1);
}

TEST_CASE("writer: tells on its own thread, after the commit") {
  WriterBench bench;
  std::promise<std::string> seen;

  bench.writer.Submit(Insert(1), [&](const Status& status) {
    seen.set_value(status ? RawDatabase(bench.path).Show("SELECT x FROM t") : "failed");
  });

  CHECK(seen.get_future().get() == "1");
}

TEST_CASE("writer: whoever throws when told harms nobody else") {
  WriterBench bench;
  bench.writer.Submit(Insert(1), [](const Status&) { throw std::bad_alloc(); });

  CHECK(bench.writer.Run(Insert(2)).has_value());

  CHECK(bench.Show() == "1,2");
}

}  // namespace
}  // namespace imrelay
