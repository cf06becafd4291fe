#include "app/doctor_database.h"

#include <cstdint>
#include <filesystem>
#include <future>
#include <memory>
#include <system_error>
#include <utility>

#include "store/sqlite/database.h"
#include "store/sqlite/migrate.h"
#include "store/sqlite/sqlite_store.h"

namespace imrelay {
namespace {

using Act = Remedy::Act;

constexpr const char* kCheck = "database";

std::string MiB(std::int64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

Finding CheckSchemaOf(Database& database, const std::string& path) {
  const Status schema = CheckSchema(database);
  if (schema) return Ok("schema", path, "works with this program");
  if (schema.error().reason != kOldSchema) {
    return Broken("schema", path, schema.error().message,
                  "give database.url the right file, or install the imrelay that made it");
  }
  return Broken("schema", path, schema.error().message, "imrelay migrate",
                Remedy{Act::kMigrate, path});
}

Finding CheckDamage(Database& database, const std::string& path,
                    std::chrono::milliseconds longest) {
  Result<std::vector<std::string>> damage = database.FindDamage(longest);
  if (!damage && damage.error().reason == "time") {
    return Ok("integrity", path,
              "no damage found in " + std::to_string(longest.count() / 1000) +
                  " s, not all was read; imrelay backup --whole FILE reads all, beside the worker");
  }
  const std::string mend =
      "stop the worker and put your last backup back, or save what can be read: "
      "docs/restore.md has both step by step";
  if (!damage) return Broken("integrity", path, damage.error().message, mend);
  if (damage->empty()) return Ok("integrity", path, "quick_check found no damage");
  return Broken("integrity", path, "damaged: " + damage->front(), mend);
}

Finding CheckWritable(const std::string& path, bool damaged) {
  if (damaged) {
    return Broken(kWritingCheck, path, "damaged: what meets the damage is spooled, not stored",
                  "mend the integrity first, with docs/restore.md");
  }
  Result<std::unique_ptr<SqliteStore>> store = SqliteStore::OpenExisting(path);
  Status ready;
  if (store) {
    std::promise<Status> told;
    (*store)->CheckReady([&told](Status status) { told.set_value(std::move(status)); });
    ready = told.get_future().get();
  } else {
    ready = Fail(std::move(store).error());
  }
  if (ready) return Ok(kWritingCheck, path, "can be written right now");
  return Broken(
      kWritingCheck, path, ready.error().message,
      "end what keeps it locked (fuser " + path + "), make room, or see whose the files are");
}

void CheckSizes(Findings& findings, const std::string& path) {
  std::error_code error;
  const std::uintmax_t log = std::filesystem::file_size(path + "-wal", error);
  if (!error && static_cast<std::int64_t>(log) >= kLogTooLarge) {
    findings.push_back(
        Warn("write-ahead log", path + "-wal",
             MiB(static_cast<std::int64_t>(log)) +
                 ": the worker begins it anew at 64 MiB unless somebody reads an old "
                 "state of the database",
             "end long-running sqlite3 shells and backups (fuser " + path + ")",
             Remedy{Act::kEmptyLog, path}));
  } else {
    findings.push_back(Ok("write-ahead log", path + "-wal",
                          error ? "there is none" : MiB(static_cast<std::int64_t>(log))));
  }
  const std::filesystem::space_info space = std::filesystem::space(path, error);
  if (error) return;
  const auto room = static_cast<std::int64_t>(space.available);
  const std::string mend = "make room: nothing is taken in when the disk is full";
  if (room < kNoRoom) {
    findings.push_back(Broken("disk", path, MiB(room) + " free", mend));
  } else if (room < kLittleRoom) {
    findings.push_back(Warn("disk", path, MiB(room) + " free", mend));
  } else {
    findings.push_back(Ok("disk", path, MiB(room) + " free"));
  }
}

// Pages that erased rows left. They are used again, so only many of them are worth the trouble.
Finding CheckFreePages(Database& database, const std::string& path) {
  const std::int64_t pages = database.Value("PRAGMA page_count").value_or(0);
  const std::int64_t free = database.Value("PRAGMA freelist_count").value_or(0);
  const std::int64_t page = database.Value("PRAGMA page_size").value_or(0);
  const std::string found = MiB(free * page) + " of " + MiB(pages * page) + " are free inside";
  if (free * page < kManyFreeBytes || free * 2 < pages) {
    return Ok("free pages", path, found + ", and are used again");
  }
  return Warn("free pages", path, found,
              "where the disk is short of room, and has " + MiB((pages - free) * page * 2) +
                  " free: systemctl stop imrelay.socket imrelay.service; runuser -u imrelay -- "
                  "sqlite3 " +
                  path + " VACUUM; systemctl start imrelay.socket imrelay.service");
}

}  // namespace

Findings CheckDatabase(const std::string& path, std::chrono::milliseconds longest) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    // Not made by --fix: a fresh one in the place of one that is away would only hide that.
    return {Broken(kCheck, path, error ? error.message() : "is not there",
                   "put it back where it was; for a new installation: imrelay migrate")};
  }
  Result<Database> database = Database::Open(path, Database::Access::kReadOnly);
  if (!database) {
    return {Broken(kCheck, path, database.error().message,
                   "see whose the file is; where it is damaged, put your last backup back")};
  }
  Findings findings;
  findings.push_back(CheckSchemaOf(*database, path));
  const bool usable = findings.back().level == Finding::Level::kOk;
  findings.push_back(CheckDamage(*database, path, longest));
  const bool damaged = findings.back().level != Finding::Level::kOk;
  if (usable) findings.push_back(CheckWritable(path, damaged));
  CheckSizes(findings, path);
  findings.push_back(CheckFreePages(*database, path));
  return findings;
}

Result<std::string> MigrateDatabase(const std::string& path) {
  Result<Database> database = Database::Open(path, Database::Access::kReadWrite);
  if (!database) return Fail(std::move(database).error());
  Result<int> applied = Migrate(*database);
  if (!applied) return Fail(std::move(applied).error());
  return "migrated to schema " + std::to_string(SchemaVersion());
}

Result<std::string> EmptyDatabaseLog(const std::string& path) {
  Result<Database> database = Database::Open(path, Database::Access::kReadWrite);
  if (!database) return Fail(std::move(database).error());
  if (Status emptied = database->EmptyLog(); !emptied) return Fail(std::move(emptied).error());
  return "copied the log into the database";
}

}  // namespace imrelay
