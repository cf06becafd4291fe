#include <sqlite3.h>
#include <unistd.h>

#include "store/sqlite/database.h"
#include "store/sqlite/sqlite_error.h"

// What of a Database reads the whole file.

namespace imrelay {
namespace {

// 1 MiB, so that the pages of one step do not drive much else out of the machine's memory.
constexpr int kPagesAtATime = 256;
// Written pages that pile up would all be waited for by the next commit's fsync.
constexpr int kStepsASync = 8;

// Copies until the end. The snapshot that `from` has open keeps SQLite from beginning again
// whenever somebody commits.
int CopyPages(sqlite3* from, sqlite3* to, int fd) {
  sqlite3_backup* copy = sqlite3_backup_init(to, "main", from, "main");
  if (copy == nullptr) return sqlite3_extended_errcode(to);
  int code = SQLITE_OK;
  for (int step = 1; code == SQLITE_OK; ++step) {
    code = sqlite3_backup_step(copy, kPagesAtATime);
    if (step % kStepsASync == 0 && fdatasync(fd) != 0) code = SQLITE_IOERR_FSYNC;
  }
  const int finished = sqlite3_backup_finish(copy);
  return code == SQLITE_DONE ? finished : code;
}

}  // namespace

Status Database::CopyTo(const std::string& file, int fd) {
  sqlite3* raw = nullptr;
  int code =
      sqlite3_open_v2(file.c_str(), &raw,
                      SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_READWRITE, nullptr);
  const std::unique_ptr<sqlite3, Close> to(raw);
  // Whoever calls syncs it at the end; a copy that was cut off is thrown away.
  if (code == SQLITE_OK)
    code = sqlite3_exec(raw, "PRAGMA synchronous=OFF", nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return Fail(ErrorOf(code, "write " + file));
  Status begun = Execute("BEGIN; SELECT count(*) FROM sqlite_schema");
  if (begun) {
    code = CopyPages(database_.get(), raw, fd);
    (void)Execute("ROLLBACK");
    if (code != SQLITE_OK) begun = Fail(ErrorOf(code, "copy into " + file));
  }
  return begun;
}

Result<std::vector<std::string>> Database::FindDamage(std::chrono::milliseconds longest,
                                                      Look look) {
  using SteadyClock = std::chrono::steady_clock;
  SteadyClock::time_point deadline = SteadyClock::now() + longest;
  const auto late = [](void* at) {
    return SteadyClock::now() >= *static_cast<SteadyClock::time_point*>(at) ? 1 : 0;
  };
  sqlite3_stmt* raw = nullptr;
  const char* const check =
      look == Look::kQuick ? "PRAGMA quick_check(20)" : "PRAGMA integrity_check(20)";
  int code = sqlite3_prepare_v2(database_.get(), check, -1, &raw, nullptr);
  const std::unique_ptr<sqlite3_stmt, Statement::Close> owned(raw);
  sqlite3_progress_handler(database_.get(), 1000, late, &deadline);
  std::vector<std::string> damage;
  while (code == SQLITE_OK || code == SQLITE_ROW) {
    code = sqlite3_step(raw);
    if (code != SQLITE_ROW) break;
    damage.emplace_back(reinterpret_cast<const char*>(sqlite3_column_text(raw, 0)));
  }
  sqlite3_progress_handler(database_.get(), 0, nullptr, nullptr);
  if ((code & 0xFF) == SQLITE_INTERRUPT) {
    return Fail(ErrorCode::kUnavailable, "looking for damage: not finished in time", "time");
  }
  if (code != SQLITE_DONE) return Fail(ErrorOf(code, "looking for damage"));
  if (damage.size() == 1 && damage.front() == "ok") damage.clear();
  return damage;
}

}  // namespace imrelay
