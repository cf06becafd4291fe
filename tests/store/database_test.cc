#include "store/sqlite/database.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "tests/store/store_bench.h"

namespace imrelay {
namespace {

int ModeOf(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 ? static_cast<int>(status.st_mode & 0777) : -1;
}

// Whether another process would see a lock on the bytes by which SQLite says that a database is in
// use.
bool IsLockedForOthers(const std::string& path) {
  const pid_t child = fork();
  if (child == 0) {
    constexpr off_t kSharedFirst = 0x40000002;  // sqlite.org/fileformat2.html, "The Lock-Byte Page"
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = kSharedFirst;
    lock.l_len = 510;
    const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
    const bool locked = fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    _exit(locked ? 1 : 0);
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child) return false;
  return WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

TEST_CASE("database: its files are for its owner only") {
  const mode_t before = umask(0);
  StoreBench bench;
  bench.Install("m1");
  umask(before);

  CHECK(ModeOf(bench.path()) == 0600);
  CHECK(ModeOf(bench.path() + "-wal") == 0600);
  CHECK(ModeOf(bench.path() + "-shm") == 0600);
}

TEST_CASE("database: opening it once more keeps the locks of the first") {
  StoreBench bench;
  bench.Install("m1");
  REQUIRE(IsLockedForOthers(bench.path()));

  // A process that closes any descriptor of a file loses every lock it has there (POSIX).
  const Result<std::unique_ptr<SqliteStore>> second = SqliteStore::Open(bench.path());
  REQUIRE(second.has_value());

  CHECK(IsLockedForOthers(bench.path()));
}

TEST_CASE("database: what cannot be opened is named with the cause") {
  TemporaryDirectory directory;
  const std::string missing = directory.File("none") + "/x.db";

  const Result<Database> database = Database::Open(missing, Database::Access::kReadWrite);

  REQUIRE_FALSE(database.has_value());
  CHECK(database.error().code == ErrorCode::kUnavailable);
  CHECK(database.error().message ==
        missing + ": its directory is not there; make it, or is database.url right?");
  const Result<Database> reading =
      Database::Open(directory.File("none.db"), Database::Access::kReadOnly);
  REQUIRE_FALSE(reading.has_value());
  CHECK(reading.error().code == ErrorCode::kUnavailable);
  CHECK(directory.CountFiles() == 0);
}

TEST_CASE("database: a directory in its place is named") {
  TemporaryDirectory directory;
  const std::string path = directory.File("");

  const Result<Database> database = Database::Open(path, Database::Access::kReadWrite);

  REQUIRE_FALSE(database.has_value());
  CHECK(database.error().message.find(path) != std::string::npos);
}

TEST_CASE("database: a command that looks makes no database") {
  TemporaryDirectory directory;

  const Result<std::unique_ptr<SqliteStore>> store =
      SqliteStore::OpenExisting(directory.File("none.db"));

  REQUIRE_FALSE(store.has_value());
  CHECK(store.error().code == ErrorCode::kUnavailable);
  CHECK(store.error().message.find("none.db") != std::string::npos);
  CHECK(store.error().message.find("imrelay migrate") != std::string::npos);
  CHECK(directory.CountFiles() == 0);
}

TEST_CASE("database: belongs to the first key file") {
  TemporaryDirectory directory;
  Result<std::unique_ptr<SqliteStore>> store = SqliteStore::Open(directory.File("x.db"));
  REQUIRE(store.has_value());

  CHECK((*store)->BindToKey("first").has_value());
  CHECK((*store)->BindToKey("first").has_value());
  const Status other = (*store)->BindToKey("other");
  REQUIRE_FALSE(other.has_value());
  CHECK(other.error().code == ErrorCode::kInvalidArgument);
  CHECK(other.error().message.find("security.key_file") != std::string::npos);
  CHECK((*store)->BindToKey("first").has_value());
}

TEST_CASE("database: values come back as they were bound") {
  TemporaryDirectory directory;
  Result<Database> database = Database::Open(directory.File("x.db"), Database::Access::kReadWrite);
  REQUIRE(database.has_value());
  REQUIRE(database->Execute("CREATE TABLE setting (name TEXT PRIMARY KEY, value ANY) STRICT"));
  const auto stored = [&](auto bind) {
    Statement& insert = database->Prepare(sql::kSettingInsert);
    bind(insert.Bind("x"));
    REQUIRE(insert.Run().has_value());
    RawDatabase raw(directory.File("x.db"));
    const std::string shown = raw.Show("SELECT typeof(value), hex(value) FROM setting");
    REQUIRE(database->Execute("DELETE FROM setting"));
    return shown;
  };

  CHECK(stored([](Statement& s) { s.Bind(std::string_view()); }) == "text|");
  CHECK(stored([](Statement& s) { s.BindBlob(std::string_view()); }) == "blob|");
  CHECK(stored([](Statement& s) { s.BindNull(); }) == "null|");
  CHECK(stored([](Statement& s) { s.BindOptional(std::optional<std::int64_t>()); }) == "null|");
  CHECK(stored([](Statement& s) { s.BindOptional(std::optional<std::string>("")); }) == "text|");
  CHECK(stored([](Statement& s) { s.Bind(std::string_view("a\0b", 3)); }) == "text|610062");
  CHECK(stored([](Statement& s) { s.Bind(std::int64_t{INT64_MIN}); }) ==
        "integer|2D39323233333732303336383534373735383038");
}

TEST_CASE("database: a failed statement says so without its values, and can be used again") {
  TemporaryDirectory directory;
  Result<Database> database = Database::Open(directory.File("x.db"), Database::Access::kReadWrite);
  REQUIRE(database.has_value());

  // There is no such table yet.
  const Status failed = database->Prepare(sql::kSettingInsert).Bind("x").Bind("secret").Run();
  REQUIRE_FALSE(failed.has_value());
  CHECK(failed.error().code == ErrorCode::kInternal);
  CHECK(failed.error().message.find("SettingInsert") != std::string::npos);
  CHECK(failed.error().message.find("secret") == std::string::npos);

  REQUIRE(database->Execute("CREATE TABLE setting (name TEXT PRIMARY KEY, value ANY) STRICT"));
  CHECK(database->Prepare(sql::kSettingInsert).Bind("x").Bind("1").Run().has_value());
}

}  // namespace
}  // namespace imrelay
