#include "store/sqlite/migrate.h"

#include <chrono>
#include <iterator>
#include <string>
#include <thread>

#include "base/failpoint.h"

namespace imrelay {
namespace {

// PRAGMA application_id of our files: "imrl".
constexpr std::int64_t kApplicationId = 0x696d726c;

// The setting in which a later, incompatible schema names the oldest version that works on it.
constexpr const char* kOldestThatWorks =
    "SELECT coalesce((SELECT value FROM setting WHERE name = 'schema_works_from'), 0)";

Status CheckOwner(Database& database) {
  Result<std::int64_t> version = database.Value("PRAGMA user_version");
  if (!version) return Fail(std::move(version).error());
  Result<std::int64_t> owner = database.Value("PRAGMA application_id");
  if (!owner) return Fail(std::move(owner).error());
  if (*owner == kApplicationId) return {};
  Result<std::int64_t> tables = database.Value("SELECT count(*) FROM sqlite_schema");
  if (!tables) return Fail(std::move(tables).error());
  if (*version == 0 && *tables == 0 && *owner == 0) return {};
  return Fail(ErrorCode::kInvalidArgument,
              "the file is a database of another program; give imrelay a file of its own");
}

// The same as of one moment: another process may be making the schema right now.
Status CheckOwnerAtOnce(Database& database) {
  if (Status begun = database.Execute("BEGIN"); !begun) return begun;
  Status own = CheckOwner(database);
  Status ended = database.Execute("ROLLBACK");
  return own ? ended : own;
}

// The change to WAL needs the file alone for a moment and does not wait for it by itself.
Status EnterWal(Database& database) {
  Status entered;
  for (int tries = 0; tries < 100; ++tries) {
    entered = database.Execute("PRAGMA journal_mode=WAL");
    if (entered || entered.error().code != ErrorCode::kUnavailable) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return entered;
}

// Whether a schema that is newer than this program's lets it work all the same.
Status CheckNewer(Database& database, std::int64_t version) {
  if (version <= SchemaVersion()) return {};
  Result<std::int64_t> oldest = database.Value(kOldestThatWorks);
  if (!oldest) return Fail(std::move(oldest).error());
  if (*oldest <= SchemaVersion()) return {};
  return Fail(ErrorCode::kInvalidArgument,
              "the database has schema " + std::to_string(version) + ", this program knows " +
                  std::to_string(SchemaVersion()) + "; install the newer imrelay");
}

Result<int> Apply(Database& database) {
  Result<std::int64_t> version = database.Value("PRAGMA user_version");
  if (!version) return Fail(std::move(version).error());
  if (Status newer = CheckNewer(database, *version); !newer) {
    return Fail(std::move(newer).error());
  }
  if (*version >= SchemaVersion()) return 0;
  int applied = 0;
  for (const sql::Migration& migration : sql::kMigrations) {
    if (migration.number <= *version) continue;
    const std::string number = std::to_string(migration.number);
    Status done = database.Execute(migration.text);
    if (done) done = database.Execute(("PRAGMA user_version = " + number).c_str());
    if (!done) {
      return Fail(done.error().code,
                  std::string("migration ") + migration.name + ": " + done.error().message);
    }
    ++applied;
  }
  const std::string own = "PRAGMA application_id = " + std::to_string(kApplicationId);
  if (Status done = database.Execute(own.c_str()); !done) return Fail(std::move(done).error());
  return applied;
}

}  // namespace

int SchemaVersion() { return std::end(sql::kMigrations)[-1].number; }

Result<int> Migrate(Database& database) {
  // Before anything is written: another program's file is left as it is.
  if (Status own = CheckOwnerAtOnce(database); !own) return Fail(std::move(own).error());
  if (Status entered = EnterWal(database); !entered) return Fail(std::move(entered).error());
  if (Status begun = database.Execute("BEGIN IMMEDIATE"); !begun) {
    return Fail(std::move(begun).error());
  }
  Result<int> applied = Apply(database);
  Failpoint("store.before_migrated");
  Status ended = database.Execute(applied ? "COMMIT" : "ROLLBACK");
  if (applied && !ended) return Fail(std::move(ended).error());
  return applied;
}

Status CheckSchema(Database& database) {
  if (Status own = CheckOwnerAtOnce(database); !own) return own;
  Result<std::int64_t> version = database.Value("PRAGMA user_version");
  if (!version) return Fail(std::move(version).error());
  if (*version >= SchemaVersion()) return CheckNewer(database, *version);
  return Fail(ErrorCode::kInvalidArgument,
              "the database has schema " + std::to_string(*version) + ", this program needs " +
                  std::to_string(SchemaVersion()) + "; run: imrelay migrate",
              kOldSchema);
}

}  // namespace imrelay
