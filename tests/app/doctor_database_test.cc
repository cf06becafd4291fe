#include "app/doctor_database.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "app/service.h"
#include "store/sqlite/database.h"
#include "tests/fakes/temporary_directory.h"

namespace imrelay {
namespace {

using Level = Finding::Level;
constexpr std::chrono::seconds kLong{60};

// A database as `migrate` makes it.
struct Fresh {
  Fresh() {
    Config config;
    config.database_path = path;
    config.key_file = directory.File("x.key");
    REQUIRE(OpenService(config).has_value());
  }
  void Execute(const char* statements) const {
    Result<Database> database = Database::Open(path, Database::Access::kReadWrite);
    REQUIRE(database.has_value());
    REQUIRE(database->Execute(statements).has_value());
  }
  TemporaryDirectory directory;
  std::string path = directory.File("x.db");
};

const Finding& Of(const Findings& findings, const std::string& check) {
  const auto found = std::find_if(findings.begin(), findings.end(),
                                  [&check](const Finding& f) { return f.check == check; });
  REQUIRE_MESSAGE(found != findings.end(), check);
  return *found;
}

TEST_CASE("doctor_database: a fresh one is well") {
  const Fresh fresh;

  const Findings findings = CheckDatabase(fresh.path, kLong);

  CHECK(findings.size() == 6);
  for (const Finding& finding : findings) {
    CAPTURE(finding.check);
    if (finding.check != "disk") CHECK(finding.level == Level::kOk);
  }
}

TEST_CASE("doctor_database: one that is missing is not made") {
  const TemporaryDirectory directory;

  const Findings findings = CheckDatabase(directory.File("x.db"), kLong);

  REQUIRE(findings.size() == 1);
  CHECK(findings[0].level == Level::kFail);
  CHECK(findings[0].mend.find("imrelay migrate") != std::string::npos);
  CHECK_FALSE(findings[0].remedy.has_value());
  CHECK(directory.CountFiles() == 0);
}

TEST_CASE("doctor_database: an older schema is told, and migrated") {
  const TemporaryDirectory directory;
  const std::string path = directory.File("x.db");
  {
    Result<Database> database = Database::Open(path, Database::Access::kReadWrite);
    REQUIRE(database.has_value());
    REQUIRE(database->Execute(sql::kMigrations[0].text).has_value());
    REQUIRE(database->Execute("PRAGMA user_version = 1; PRAGMA application_id = 0x696d726c")
                .has_value());
  }

  const Finding schema = Of(CheckDatabase(path, kLong), "schema");

  CHECK(schema.level == Level::kFail);
  CHECK(schema.found.find("schema 1") != std::string::npos);
  REQUIRE(schema.remedy.has_value());
  CHECK(schema.remedy->act == Remedy::Act::kMigrate);
  REQUIRE(MigrateDatabase(path).has_value());
  CHECK(Of(CheckDatabase(path, kLong), "schema").level == Level::kOk);
}

TEST_CASE("doctor_database: another program's database, or a newer one, is left alone") {
  const Fresh fresh;
  fresh.Execute("PRAGMA application_id = 7");
  CHECK(Of(CheckDatabase(fresh.path, kLong), "schema").level == Level::kFail);
  CHECK_FALSE(Of(CheckDatabase(fresh.path, kLong), "schema").remedy.has_value());
}

TEST_CASE("doctor_database: damage is found") {
  const Fresh fresh;
  fresh.Execute("PRAGMA wal_checkpoint(TRUNCATE)");
  const auto size = std::filesystem::file_size(fresh.path);
  REQUIRE(size > 3 * 4096);
  {
    std::fstream file(fresh.path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(size / 2 / 4096 * 4096));
    file << std::string(4096, '\x55');  // one page: the schema's own would keep it from opening
  }

  const Findings findings = CheckDatabase(fresh.path, kLong);
  const Finding integrity = Of(findings, "integrity");

  CHECK(integrity.level == Level::kFail);
  CHECK(integrity.mend.find("backup") != std::string::npos);
  CHECK(Of(findings, "writing").level == Level::kFail);
}

TEST_CASE("doctor_database: what is no database at all is told") {
  const TemporaryDirectory directory;
  std::ofstream(directory.File("x.db")) << std::string(8192, 'x');

  const Findings findings = CheckDatabase(directory.File("x.db"), kLong);

  CHECK(std::any_of(findings.begin(), findings.end(),
                    [](const Finding& finding) { return finding.level == Level::kFail; }));
}

TEST_CASE("doctor_database: one that somebody keeps locked is told") {
  const Fresh fresh;
  Result<Database> other = Database::Open(fresh.path, Database::Access::kReadWrite);
  REQUIRE(other.has_value());
  REQUIRE(other->Execute("BEGIN IMMEDIATE").has_value());

  const Finding writing = Of(CheckDatabase(fresh.path, kLong), "writing");

  CHECK(writing.level == Level::kFail);
  CHECK(writing.mend.find("locked") != std::string::npos);
  REQUIRE(other->Execute("ROLLBACK").has_value());
}

TEST_CASE("doctor_database: a log that nobody begins anew is told, and emptied") {
  const Fresh fresh;
  Result<Database> open = Database::Open(fresh.path, Database::Access::kReadWrite);
  REQUIRE(open.has_value());  // keeps the log from going when others close
  REQUIRE(open->Execute("INSERT INTO setting VALUES ('x', 1)").has_value());
  const std::string log = fresh.path + "-wal";
  REQUIRE(truncate(log.c_str(), kLogTooLarge) == 0);

  const Finding found = Of(CheckDatabase(fresh.path, kLong), "write-ahead log");

  CHECK(found.level == Level::kWarn);
  CHECK(found.found.find("128 MiB") != std::string::npos);
  REQUIRE(found.remedy.has_value());
  REQUIRE(EmptyDatabaseLog(found.remedy->subject).has_value());
  CHECK(Of(CheckDatabase(fresh.path, kLong), "write-ahead log").level == Level::kOk);
  CHECK(open->Value("SELECT value FROM setting WHERE name = 'x'") == 1);
}

TEST_CASE("doctor_database: a file that is mostly free is told, with the way to shrink it") {
  const Fresh fresh;
  CHECK(Of(CheckDatabase(fresh.path, kLong), "free pages").level == Level::kOk);
  fresh.Execute(
      "CREATE TABLE big (x); INSERT INTO big VALUES (zeroblob(80 << 20)); DROP TABLE big");

  const Finding pages = Of(CheckDatabase(fresh.path, kLong), "free pages");

  CHECK(pages.level == Level::kWarn);
  CHECK(pages.mend.find("VACUUM") != std::string::npos);
}

TEST_CASE("doctor_database: looking for damage ends when its time is up") {
  const Fresh fresh;
  fresh.Execute(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
      "INSERT INTO setting SELECT 'many ' || i, i FROM n");

  const Finding integrity = Of(CheckDatabase(fresh.path, std::chrono::seconds(0)), "integrity");

  CHECK(integrity.level == Level::kOk);
  CHECK(integrity.found.find("not all was read") != std::string::npos);
}

}  // namespace
}  // namespace imrelay
