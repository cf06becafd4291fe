#include "store/sqlite/database.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <thread>

#include "base/ownership.h"
#include "store/sqlite/sqlite_error.h"

namespace imrelay {
namespace {

// Locks, a full disk and read-only files pass; a wrong statement does not.
ErrorCode CodeOf(int sqlite_code) {
  switch (sqlite_code & 0xFF) {
    case SQLITE_ERROR:
    case SQLITE_MISUSE:
    case SQLITE_RANGE:
    case SQLITE_MISMATCH:
    case SQLITE_CONSTRAINT:
    case SQLITE_TOOBIG:
      return ErrorCode::kInternal;
    default:
      return ErrorCode::kUnavailable;
  }
}

constexpr std::chrono::milliseconds kPauseBetweenAsking{2};
// Events wait behind it, and it is tried again after the next commit.
constexpr std::chrono::milliseconds kPatienceOfRestart{10};

// Takes the place of SQLite's own hook, which would checkpoint in the middle of a commit.
int NoteFrames(void* log_frames, sqlite3*, const char*, int frames) {
  *static_cast<int*>(log_frames) = frames;
  return SQLITE_OK;
}

// SQLite counts its memory under a mutex that every allocation takes; nobody reads the count.
void StopCounting() {
  static const int configured = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  static_cast<void>(configured);
}

// SQLite would make the file readable for all; it gives -wal and -shm the mode of this one. A file
// that is there is not opened: closing any descriptor of it would end every lock that this process
// holds on it (sqlite.org/howtocorrupt.html, 2.2).
Status MakeFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd >= 0) {
    GiveToOwnerOfFolder(fd, path);
    close(fd);
    return {};
  }
  if (errno == ENOENT) {
    return Fail(ErrorCode::kUnavailable,
                path + ": its directory is not there; make it, or is database.url right?");
  }
  if (errno == EEXIST && access(path.c_str(), R_OK | W_OK) == 0) return {};
  return Fail(ErrorCode::kUnavailable, "open " + path + ": " + strerror(errno));
}

}  // namespace

Error ErrorOf(int sqlite_code, const std::string& doing) {
  Error error{CodeOf(sqlite_code), doing + ": " + sqlite3_errstr(sqlite_code) + " (" +
                                       std::to_string(sqlite_code) + ")"};
  const int kind = sqlite_code & 0xFF;
  if (kind == SQLITE_CORRUPT || kind == SQLITE_NOTADB) error.reason = kDatabaseDamaged;
  return error;
}

void Statement::Close::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
void Database::Close::operator()(sqlite3* database) const { sqlite3_close_v2(database); }

Statement& Statement::Check(int code) {
  if (code != SQLITE_OK && failure_ == SQLITE_OK) failure_ = code;
  return *this;
}

Statement& Statement::Bind(std::int64_t value) {
  return Check(sqlite3_bind_int64(statement_.get(), ++parameter_, value));
}

Statement& Statement::Bind(std::string_view text) {
  // An empty view may have a null pointer, which SQLite would read as NULL.
  const char* data = text.empty() ? "" : text.data();
  return Check(sqlite3_bind_text64(statement_.get(), ++parameter_, data, text.size(),
                                   SQLITE_TRANSIENT, SQLITE_UTF8));
}

Statement& Statement::BindBlob(std::string_view bytes) {
  const char* data = bytes.empty() ? "" : bytes.data();
  return Check(
      sqlite3_bind_blob64(statement_.get(), ++parameter_, data, bytes.size(), SQLITE_TRANSIENT));
}

Statement& Statement::BindBlob(std::span<const std::uint8_t> bytes) {
  return BindBlob(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

Statement& Statement::BindBorrowedBlob(std::string_view bytes) {
  const char* data = bytes.empty() ? "" : bytes.data();
  return Check(
      sqlite3_bind_blob64(statement_.get(), ++parameter_, data, bytes.size(), SQLITE_STATIC));
}

Statement& Statement::BindNull() {
  return Check(sqlite3_bind_null(statement_.get(), ++parameter_));
}

Statement& Statement::BindOptional(const std::optional<std::int64_t>& value) {
  return value ? Bind(*value) : BindNull();
}

Statement& Statement::BindOptional(const std::optional<std::string>& text) {
  return text ? Bind(std::string_view(*text)) : BindNull();
}

Result<bool> Statement::Step() {
  int code = failure_;
  if (code == SQLITE_OK) code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (statement_) sqlite3_reset(statement_.get());
  if (code == SQLITE_DONE) return false;
  return Fail(ErrorOf(code, name_));
}

Status Statement::Run() {
  while (true) {
    Result<bool> row = Step();
    if (!row) return Fail(std::move(row).error());
    if (!*row) return {};
  }
}

int Statement::columns() const { return sqlite3_column_count(statement_.get()); }

std::string Statement::ColumnName(int column) const {
  return sqlite3_column_name(statement_.get(), column);
}

bool Statement::IsNull(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

bool Statement::IsInteger(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_INTEGER;
}

std::int64_t Statement::Integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::optional<std::int64_t> Statement::OptionalInteger(int column) const {
  if (IsNull(column)) return std::nullopt;
  return Integer(column);
}

std::string Statement::Text(int column) const {
  const void* bytes = sqlite3_column_blob(statement_.get(), column);
  const int length = sqlite3_column_bytes(statement_.get(), column);
  if (bytes == nullptr) return {};
  return std::string(static_cast<const char*>(bytes), static_cast<std::size_t>(length));
}

Database::Database(sqlite3* database)
    : lock_wait_(std::make_unique<LockWait>()),
      log_frames_(std::make_unique<int>(0)),
      database_(database),
      statements_(static_cast<std::size_t>(sql::kQueryCount)) {}

Result<Database> Database::Open(const std::string& path, Access access) {
  StopCounting();
  if (access == Access::kReadWrite) {
    if (Status made = MakeFile(path); !made) return Fail(std::move(made).error());
  }
  sqlite3* raw = nullptr;
  const int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                    (access == Access::kReadWrite ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY);
  const int code = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
  Database database(raw);
  if (code != SQLITE_OK) return Fail(ErrorOf(code, "open " + path));
  sqlite3_busy_handler(raw, AskAgain, database.lock_wait_.get());
  sqlite3_wal_hook(raw, NoteFrames, database.log_frames_.get());
  const char* pragmas = access == Access::kReadWrite
                            ? "PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
                              "PRAGMA temp_store=MEMORY;"
                              "PRAGMA cache_size=-8192; PRAGMA journal_size_limit=67108864;"
                            : "PRAGMA query_only=ON; PRAGMA temp_store=MEMORY;"
                              "PRAGMA cache_size=-1024;";
  if (Status set = database.Execute(pragmas); !set) {
    return Fail(set.error().code, "open " + path + ": " + set.error().message, set.error().reason);
  }
  return database;
}

// SQLite's own waiting sleeps up to a tenth of a second, in which others take what is free, and
// counts what it wanted to sleep, not what a busy machine made of it.
int Database::AskAgain(void* lock_wait, int asked) {
  auto& wait = *static_cast<LockWait*>(lock_wait);
  const auto now = std::chrono::steady_clock::now();
  if (asked == 0) wait.until = now + wait.longest;
  if (now >= wait.until) return 0;
  std::this_thread::sleep_for(kPauseBetweenAsking);
  return 1;
}

void Database::SetPatience(std::chrono::milliseconds longest) { lock_wait_->longest = longest; }

Statement& Database::Prepare(const sql::Query& query) {
  Statement& statement = statements_[static_cast<std::size_t>(query.number)];
  statement.failure_ = SQLITE_OK;
  statement.parameter_ = 0;
  if (statement.statement_) {
    sqlite3_reset(statement.statement_.get());
    sqlite3_clear_bindings(statement.statement_.get());
    return statement;
  }
  sqlite3_stmt* raw = nullptr;
  statement.name_ = query.name;
  statement.Check(sqlite3_prepare_v3(database_.get(), query.text, -1, SQLITE_PREPARE_PERSISTENT,
                                     &raw, nullptr));
  statement.statement_.reset(raw);
  return statement;
}

void Database::ResetStatements() {
  for (Statement& statement : statements_) {
    if (statement.statement_) sqlite3_reset(statement.statement_.get());
  }
}

Result<int> Database::Checkpoint() {
  int in_log = 0;
  int copied = 0;
  const int code = sqlite3_wal_checkpoint_v2(database_.get(), nullptr, SQLITE_CHECKPOINT_PASSIVE,
                                             &in_log, &copied);
  if (code != SQLITE_OK) return Fail(ErrorOf(code, "checkpoint"));
  return copied;
}

Status Database::RestartLog() {
  const auto longest = std::exchange(lock_wait_->longest, kPatienceOfRestart);
  const int code = sqlite3_wal_checkpoint_v2(database_.get(), nullptr, SQLITE_CHECKPOINT_RESTART,
                                             nullptr, nullptr);
  lock_wait_->longest = longest;
  if (code != SQLITE_OK && (code & 0xFF) != SQLITE_BUSY) return Fail(ErrorOf(code, "checkpoint"));
  if (code == SQLITE_OK) *log_frames_ = 0;
  return {};
}

Status Database::EmptyLog() {
  const int code = sqlite3_wal_checkpoint_v2(database_.get(), nullptr, SQLITE_CHECKPOINT_TRUNCATE,
                                             nullptr, nullptr);
  if (code != SQLITE_OK) return Fail(ErrorOf(code, "checkpoint"));
  *log_frames_ = 0;
  return {};
}

Status Database::Execute(const char* statements) {
  const int code = sqlite3_exec(database_.get(), statements, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return Fail(ErrorOf(code, "database"));
  return {};
}

Result<std::int64_t> Database::Value(const char* statement) {
  sqlite3_stmt* raw = nullptr;
  int code = sqlite3_prepare_v2(database_.get(), statement, -1, &raw, nullptr);
  const std::unique_ptr<sqlite3_stmt, Statement::Close> owned(raw);
  if (code == SQLITE_OK) code = sqlite3_step(raw);
  if (code == SQLITE_ROW) return sqlite3_column_int64(raw, 0);
  return Fail(ErrorOf(code == SQLITE_DONE ? SQLITE_ERROR : code, "database"));
}

std::string Database::path() const { return sqlite3_db_filename(database_.get(), "main"); }

std::int64_t Database::changes() const { return sqlite3_changes64(database_.get()); }
std::int64_t Database::total_changes() const { return sqlite3_total_changes64(database_.get()); }
std::int64_t Database::last_insert_id() const { return sqlite3_last_insert_rowid(database_.get()); }
bool Database::in_transaction() const { return sqlite3_get_autocommit(database_.get()) == 0; }

}  // namespace imrelay
