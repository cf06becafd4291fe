#include "store/sqlite/migrate.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <thread>
#include <vector>

#include "store/sqlite/sqlite_store.h"
#include "tests/fakes/temporary_directory.h"
#include "tests/store/raw_database.h"
#include "tests/store/store_bench.h"

namespace imrelay {
namespace {

Result<int> MigrateFile(const std::string& path) {
  Result<Database> database = Database::Open(path, Database::Access::kReadWrite);
  REQUIRE(database.has_value());
  return Migrate(*database);
}

Status CheckFile(const std::string& path) {
  Result<Database> database = Database::Open(path, Database::Access::kReadWrite);
  REQUIRE(database.has_value());
  return CheckSchema(*database);
}

TEST_CASE("migrate: makes the schema once") {
  TemporaryDirectory directory;
  const std::string path = directory.File("x.db");

  CHECK(MigrateFile(path) == SchemaVersion());
  CHECK(MigrateFile(path) == 0);

  CHECK(CheckFile(path).has_value());
  RawDatabase raw(path);
  CHECK(raw.Show("PRAGMA user_version") == std::to_string(SchemaVersion()));
  CHECK(raw.Show("PRAGMA journal_mode") == "wal");
  CHECK(raw.Show("PRAGMA integrity_check") == "ok");
}

TEST_CASE("migrate: an empty file is a new database, and is not current before") {
  TemporaryDirectory directory;
  const std::string path = directory.File("x.db");
  std::ofstream(path).close();

  const Status before = CheckFile(path);
  REQUIRE_FALSE(before.has_value());
  CHECK(before.error().code == ErrorCode::kInvalidArgument);
  CHECK(before.error().message.find("imrelay migrate") != std::string::npos);
  CHECK(BytesOf(path).empty());
  CHECK(MigrateFile(path) == SchemaVersion());
}

TEST_CASE("migrate: many threads at once make one schema") {
  for (int round = 0; round < 10; ++round) {
    TemporaryDirectory directory;
    const std::string path = directory.File("x.db");
    std::vector<std::string> failures(6);
    std::vector<int> applied(failures.size());
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < failures.size(); ++i) {
      threads.emplace_back([&, i] {
        Result<Database> database = Database::Open(path, Database::Access::kReadWrite);
        const Result<int> done =
            database ? Migrate(*database) : Result<int>(Fail(database.error()));
        if (done) {
          applied[i] = *done;
        } else {
          failures[i] = done.error().message;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();

    int total = 0;
    for (std::size_t i = 0; i < failures.size(); ++i) {
      CHECK(failures[i] == "");
      total += applied[i];
    }
    CHECK(total == SchemaVersion());
  }
}

TEST_CASE("migrate: processes at once make one schema") {
  TemporaryDirectory directory;
  for (int round = 0; round < 10; ++round) {
    const std::string path = directory.File(("x" + std::to_string(round)).c_str());
    std::vector<pid_t> children;
    for (int i = 0; i < 4; ++i) {
      const pid_t child = fork();
      if (child == 0) {
        Result<Database> database = Database::Open(path, Database::Access::kReadWrite);
        const bool done = database && Migrate(*database);
        // Without the closing of the parent's things; the database is closed by the process's end.
        _exit(done ? 0 : 1);
      }
      children.push_back(child);
    }

    for (const pid_t child : children) {
      int status = 0;
      REQUIRE(waitpid(child, &status, 0) == child);
      CHECK(WIFEXITED(status));
      CHECK(WEXITSTATUS(status) == 0);
    }
    CHECK(CheckFile(path).has_value());
  }
}

TEST_CASE("migrate: a newer schema that only adds is worked with") {
  TemporaryDirectory directory;
  const std::string path = directory.File("x.db");
  REQUIRE(MigrateFile(path).has_value());
  REQUIRE(
      RawDatabase(path).Execute("CREATE TABLE later (x); ALTER TABLE portal ADD COLUMN y TEXT;"
                                "PRAGMA user_version = 99"));

  CHECK(MigrateFile(path) == 0);
  CHECK(CheckFile(path).has_value());

  RawDatabase raw(path);
  CHECK(raw.Show("PRAGMA user_version") == "99");
  const Result<std::unique_ptr<SqliteStore>> store = SqliteStore::Open(path);
  REQUIRE(store.has_value());
  CHECK(CheckReady(**store).has_value());
}

TEST_CASE("migrate: a newer schema that says it cannot be worked with is refused") {
  TemporaryDirectory directory;
  const std::string path = directory.File("x.db");
  REQUIRE(MigrateFile(path).has_value());
  const std::string next = std::to_string(SchemaVersion() + 1);
  REQUIRE(RawDatabase(path).Execute("UPDATE setting SET value = " + next +
                                    " WHERE name = 'schema_works_from';"
                                    "PRAGMA user_version = 99"));

  const Result<int> migrated = MigrateFile(path);

  REQUIRE_FALSE(migrated.has_value());
  CHECK(migrated.error().code == ErrorCode::kInvalidArgument);
  CHECK(migrated.error().message.find("schema 99") != std::string::npos);
  CHECK(migrated.error().message.find("newer imrelay") != std::string::npos);
  CHECK_FALSE(CheckFile(path).has_value());
  const Result<std::unique_ptr<SqliteStore>> store = SqliteStore::Open(path);
  REQUIRE_FALSE(store.has_value());
  CHECK(store.error().message.find(path) != std::string::npos);
}

TEST_CASE("migrate: the mapping of version 1 is kept, its external ids told apart by number") {
  TemporaryDirectory directory;
  const std::string path = directory.File("x.db");
  RawDatabase raw(path);
  REQUIRE(raw.Execute(sql::kMigrations[0].text));
  REQUIRE(
      raw.Execute("PRAGMA user_version = 1; PRAGMA application_id = 1768780396;"
                  "INSERT INTO portal (portal_id, member_id) VALUES (1, 'm1');"
                  "INSERT INTO line VALUES (1, 1, 'conn', 7, 'active', 0, 0);"
                  "INSERT INTO chat VALUES (1, 1, 'chat-1', 1807);"
                  "INSERT INTO message VALUES (1, 5, 'b', 1, 0, 10, 11, 12, 'done'),"
                  "  (1, 5, 'a', 1, 0, 10, NULL, NULL, NULL),"
                  "  (1, 6, '', 1, NULL, 20, NULL, NULL, NULL)"));
  const std::string before = raw.Show("SELECT * FROM messages ORDER BY message_id, 7");

  CHECK(MigrateFile(path) == SchemaVersion() - 1);

  RawDatabase migrated(path);
  CHECK(migrated.Show("SELECT * FROM messages ORDER BY message_id, 7") == before);
  CHECK(migrated.Show("SELECT message_id, part, external_message_id FROM message ORDER BY 1, 2") ==
        "5|0|a\n5|1|b\n6|0|NULL");
  CHECK(migrated.Show("PRAGMA integrity_check") == "ok");
}

// What the release before migration 4 writes.
std::string OldDelivery(const std::string& values) {
  return "INSERT INTO delivery (portal_id, line_key, chat_key, message_id, external_message_id, "
         "kind, payload, due_at_ms, created_at) VALUES " +
         values + ";";
}

TEST_CASE("migrate: deliveries of the release before keep their order, before and after") {
  TemporaryDirectory directory;
  const std::string path = directory.File("x.db");
  {
    RawDatabase raw(path);
    for (int i = 0; i < 3; ++i) REQUIRE(raw.Execute(sql::kMigrations[i].text));
    REQUIRE(raw.Execute(
        "PRAGMA user_version = 3; PRAGMA application_id = 1768780396;"
        "INSERT INTO portal (portal_id, member_id, status) VALUES (1, 'm1', 'active');"
        "INSERT INTO line VALUES (1, 1, 'conn', 7, 'active', 0, 0);"
        "INSERT INTO chat VALUES (1, 1, 'chat-1', 1807), (2, 1, 'chat-1', 0), (3, 1, 'x', 5);"
        "INSERT INTO message VALUES (5, 1, 0, NULL, 1, 0, 10, NULL, NULL, NULL),"
        "  (6, 1, 0, NULL, 1, 0, 10, NULL, 20, 'pending');" +
        OldDelivery("(1, 1, 1, 5, NULL, 'message.created', '{}', 0, 10)") +
        OldDelivery("(1, 1, 1, 6, NULL, 'message.created', '{}', 0, 11)") +
        OldDelivery("(1, 1, 1, 6, NULL, 'message.deleted', NULL, 0, 12)") +
        OldDelivery("(1, 1, 2, NULL, NULL, 'dialog.finished', '{}', 0, 13)") +
        OldDelivery("(1, NULL, NULL, NULL, NULL, 'portal.installed', NULL, 0, 14)")));
  }
  Result<std::unique_ptr<SqliteStore>> store = SqliteStore::Open(path);
  REQUIRE(store.has_value());
  RawDatabase raw(path);
  REQUIRE(raw.Execute(OldDelivery("(1, 1, 1, 7, NULL, 'message.created', '{}', 0, 15)") +
                      OldDelivery("(1, 1, 3, 8, NULL, 'message.created', '{}', 0, 16)") +
                      OldDelivery("(1, 1, NULL, NULL, NULL, 'line.deleted', NULL, 0, 17)")));
  CHECK(raw.Show("SELECT target, queue, lane, head FROM delivery ORDER BY delivery_id") ==
        "0|1|1|1\n0|1|1|0\n0|1|1|0\n0|1|1|0\n0|-1|-1|1\n0|1|1|0\n0|1|3|1\n0|1|-1099511627777|1");

  std::string order;
  for (int i = 0; i < 10; ++i) {
    const Result<std::vector<ReadyQueue>> ready = (*store)->FindReady(Target::kChannel);
    REQUIRE(ready.has_value());
    std::vector<Ask> asks;
    for (const ReadyQueue& queue : *ready) asks.push_back({queue.id, 1});
    const Result<std::vector<Delivery>> taken =
        (*store)->Turn({}, Target::kChannel, asks, 1, FromUnixSeconds(100 + i));
    REQUIRE(taken.has_value());
    for (const Delivery& delivery : *taken) {
      order += std::to_string(delivery.id.value()) + " ";
      Settlement done;
      done.id = delivery.id;
      REQUIRE(
          (*store)->Turn({done}, Target::kChannel, {}, 1, FromUnixSeconds(100 + i)).has_value());
    }
  }

  // A message that was deleted before it was sent, 6, is not sent, nor is its deletion.
  CHECK(order == "5 1 4 6 7 8 ");
  CHECK(raw.Show("SELECT state, last_error FROM deliveries WHERE id = 2 OR id = 3 ORDER BY id") ==
        "cancelled|message_deleted\ncancelled|never_sent");
  CHECK(raw.Show("SELECT outcome FROM messages WHERE message_id = 6") == "cancelled");
  CHECK(raw.Show("SELECT what, sum(received) FROM tally GROUP BY 1") == "deletion|1\nmessage|4");
}

TEST_CASE("migrate: the release before goes on beside the reading of offline queues") {
  TemporaryDirectory directory;
  const std::string path = directory.File("x.db");
  RawDatabase raw(path);
  for (int i = 0; i < 4; ++i) REQUIRE(raw.Execute(sql::kMigrations[i].text));
  REQUIRE(
      raw.Execute("PRAGMA user_version = 4; PRAGMA application_id = 1768780396;"
                  "INSERT INTO portal (portal_id, member_id, status) VALUES (1, 'm1', 'active');"
                  "INSERT INTO line VALUES (1, 1, 'conn', 7, 'active', 0, 0);"
                  "INSERT INTO chat VALUES (1, 1, 'chat-1', 1807);"
                  "INSERT INTO message VALUES (5, 1, 0, 'a', 1, 0, 10, NULL, NULL, NULL, NULL),"
                  "  (6, 1, 0, 'b', 1, 0, 10, NULL, 20, 'done', NULL)"));

  CHECK(MigrateFile(path) == SchemaVersion() - 4);

  // What the release before writes: a deletion, an edit, a tombstone.
  REQUIRE(raw.Execute("UPDATE message SET deleted_at = 90000, outcome = 'pending' "
                      "WHERE message_id = 5;"
                      "INSERT INTO message (line_key, message_id, part, external_message_id, "
                      "chat_key, direction, created_at, updated_at, deleted_at, outcome) "
                      "VALUES (1, 7, 0, 'c', 1, 0, 10, NULL, 90001, 'pending')"));
  CHECK(raw.Show("SELECT day, what, received FROM tally WHERE what LIKE 'deletion%'") ==
        "0|deletion|1\n1|deletion|2");
  CHECK(raw.Show("SELECT offline_due_at, offline_read_at FROM portal") == "0|NULL");
  CHECK(raw.Show("PRAGMA integrity_check") == "ok");
}

TEST_CASE("migrate: another program's database is refused and stays as it is") {
  TemporaryDirectory directory;
  const std::string path = directory.File("x.db");
  std::string made;
  SUBCASE("with tables") { made = "CREATE TABLE t (x); INSERT INTO t VALUES (1)"; }
  SUBCASE("with a version") { made = "PRAGMA user_version = 1"; }
  SUBCASE("with another application's number") { made = "PRAGMA application_id = 252006673"; }
  REQUIRE(RawDatabase(path).Execute(made));
  const std::string before = BytesOf(path);
  REQUIRE_FALSE(before.empty());

  const Result<std::unique_ptr<SqliteStore>> store = SqliteStore::Open(path);

  REQUIRE_FALSE(store.has_value());
  CHECK(store.error().code == ErrorCode::kInvalidArgument);
  CHECK(store.error().message.find(path) != std::string::npos);
  CHECK(store.error().message.find("another program") != std::string::npos);
  CHECK(BytesOf(path) == before);
  CHECK(directory.CountFiles() == 1);
}

TEST_CASE("migrate: what is no database is refused and stays as it is") {
  TemporaryDirectory directory;
  const std::string path = directory.File("x.db");
  const std::string text(4096, 'x');
  std::ofstream(path) << text;

  const Result<std::unique_ptr<SqliteStore>> store = SqliteStore::Open(path);

  REQUIRE_FALSE(store.has_value());
  CHECK(store.error().message.find("not a database") != std::string::npos);
  CHECK(BytesOf(path) == text);
}

}  // namespace
}  // namespace imrelay
