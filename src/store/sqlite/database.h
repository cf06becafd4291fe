#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "store/sqlite/sql.h"

struct sqlite3;
struct sqlite3_stmt;

namespace imrelay {

// One prepared statement of a Database. Binds values in order, then steps. What went wrong in
// Prepare or Bind is kept and reported by the Step that needs it. Not thread-safe.
class Statement {
 public:
  Statement& Bind(std::int64_t value);
  Statement& Bind(std::string_view text);
  // Without this a literal would rather become a number than a string_view.
  Statement& Bind(const char* text) { return Bind(std::string_view(text)); }
  Statement& BindBlob(std::string_view bytes);
  Statement& BindBlob(std::span<const std::uint8_t> bytes);
  // The same without a copy: `bytes` must stay as they are until the statement has run.
  Statement& BindBorrowedBlob(std::string_view bytes);
  Statement& BindNull();
  Statement& BindOptional(const std::optional<std::int64_t>& value);
  Statement& BindOptional(const std::optional<std::string>& text);

  // Runs to the next row: true when there is one, false at the end.
  // Errors: kUnavailable when the database is locked, full, read-only or damaged; kInternal when
  // the statement itself is at fault.
  Result<bool> Step();
  // Runs to the end; rows are thrown away.
  Status Run();

  int columns() const;
  std::string ColumnName(int column) const;
  bool IsNull(int column) const;
  bool IsInteger(int column) const;
  std::int64_t Integer(int column) const;
  std::optional<std::int64_t> OptionalInteger(int column) const;
  std::string Text(int column) const;  // bytes of a blob too; "" for NULL

 private:
  friend class Database;
  struct Close {
    void operator()(sqlite3_stmt* statement) const;
  };

  Statement& Check(int code);

  const char* name_ = "";
  std::unique_ptr<sqlite3_stmt, Close> statement_;
  int parameter_ = 0;
  int failure_ = 0;
};

// The reason of an error that comes from a damaged file.
inline constexpr const char* kDatabaseDamaged = "damaged";

// One connection to the database file: synchronous=FULL, and WAL once Migrate ran, so that what is
// committed survives a power cut. Not thread-safe; one thread at a time.
class Database {
 public:
  enum class Access { kReadWrite, kReadOnly };

  // Opens the file; kReadWrite makes it, mode 0600, when there is none. Waits at most 5 s for
  // locks of others in every call, until SetPatience.
  // Errors: kUnavailable, naming the file.
  static Result<Database> Open(const std::string& path, Access access);

  // How long every call waits for locks of others from now on.
  void SetPatience(std::chrono::milliseconds longest);

  // The statement of a query, prepared once a connection, reset and ready to be bound. Valid
  // until the next call with the same query.
  Statement& Prepare(const sql::Query& query);

  // Ends every statement that stopped at a row. One left open would hold an old snapshot, and the
  // next write on it would be refused.
  void ResetStatements();

  // Runs any number of statements without values or rows.
  Status Execute(const char* statements);

  // One integer of a statement without values; an error when it gives no row.
  Result<std::int64_t> Value(const char* statement);

  // Copies what it can of the write-ahead log into the file, and waits for nobody: what somebody
  // still reads an older state of stays. Returns how many pages of the log are in the file now.
  Result<int> Checkpoint();
  // The same, and has the next commit begin the log anew, unless somebody still writes or reads an
  // old part of it after 10 ms; then it stays, which is no error. Not inside a transaction.
  Status RestartLog();
  // Copies the whole log into the file and cuts the log's file to nothing.
  // Errors: kUnavailable too when somebody still reads or writes an old part of it.
  Status EmptyLog();

  // What SQLite finds wrong with the file, none when nothing; the first 20. kQuick reads every
  // page (PRAGMA quick_check); kWhole holds every index against its table too (integrity_check).
  // Errors: kUnavailable; with the reason "time" when `longest` was not enough.
  enum class Look { kQuick, kWhole };
  Result<std::vector<std::string>> FindDamage(std::chrono::milliseconds longest,
                                              Look look = Look::kQuick);

  // Copies everything as it is at this moment into `file`, which must be there and be empty, and is
  // open as `fd`.
  // Holds up nobody who reads or writes, but the write-ahead log cannot be begun anew meanwhile.
  // The copy is not synced to the last byte when this returns. Not inside a transaction.
  // Errors: kUnavailable when either file cannot be read or written; `file` holds anything then.
  Status CopyTo(const std::string& file, int fd);

  // Pages in the write-ahead log after this connection's last commit. Nothing empties it by itself:
  // call Checkpoint, or the file that is opened last does when it closes.
  int log_frames() const { return *log_frames_; }

  // The file, as SQLite names it: an absolute path without links.
  std::string path() const;

  // Rows changed by the last INSERT, UPDATE or DELETE.
  std::int64_t changes() const;
  // Rows changed by this connection so far, also those that were rolled back since.
  std::int64_t total_changes() const;
  std::int64_t last_insert_id() const;
  // Notes that the transaction makes something ready to be sent; TakeQueued tells whether it was
  // noted since it was last asked.
  void NoteQueued() { queued_ = true; }
  bool TakeQueued() { return std::exchange(queued_, false); }
  // False after an error that made SQLite roll the transaction back by itself.
  bool in_transaction() const;

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };

  // How long a call waits for locks of others.
  struct LockWait {
    std::chrono::milliseconds longest{5000};
    std::chrono::steady_clock::time_point until;  // of the call under way
  };

  explicit Database(sqlite3* database);
  static int AskAgain(void* lock_wait, int asked);

  bool queued_ = false;
  std::unique_ptr<LockWait> lock_wait_;  // before database_, which uses it
  std::unique_ptr<int> log_frames_;      // before database_, which writes it
  std::unique_ptr<sqlite3, Close> database_;
  std::vector<Statement> statements_;
};

}  // namespace imrelay
