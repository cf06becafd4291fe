#include "store/sqlite/backup.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/failpoint.h"
#include "base/ownership.h"
#include "store/sqlite/migrate.h"

namespace imrelay {
namespace {

using SteadyClock = std::chrono::steady_clock;

// As long as it takes: nobody waits for it but who asked.
constexpr std::chrono::hours kLongestLook{24 * 365};

std::chrono::milliseconds Since(SteadyClock::time_point begin) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(SteadyClock::now() - begin);
}

Status FailErrno(const std::string& doing) {
  return Fail(ErrorCode::kUnavailable, doing + ": " + strerror(errno));
}

// Errors: errno's. NFS and FUSE do not know RENAME_NOREPLACE.
bool RenameToNew(const std::string& from, const std::string& to) {
  if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return true;
  if (errno != EINVAL && errno != ENOSYS) return false;
  return link(from.c_str(), to.c_str()) == 0 && unlink(from.c_str()) == 0;
}

// FILE.partial, locked as long as it lives; removed with what SQLite made beside it, unless it got
// its name.
class PartialFile {
 public:
  static Result<PartialFile> Make(const std::string& file) {
    PartialFile partial(file);
    const std::string& path = partial.path_;
    partial.fd_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (partial.fd_ < 0) return Fail(FailErrno("open " + path).error());
    struct stat ours {};
    struct stat there {};
    const bool locked = flock(partial.fd_, LOCK_EX | LOCK_NB) == 0;
    // The one who had it may have given it its name since it was opened.
    if (!locked || fstat(partial.fd_, &ours) != 0 || stat(path.c_str(), &there) != 0 ||
        ours.st_ino != there.st_ino) {
      partial.Forget();
      return Fail(ErrorCode::kConflict, path + ": another backup is writing it", kBackupBusy);
    }
    GiveToOwnerOfFolder(partial.fd_, path);
    if (fchmod(partial.fd_, 0600) != 0 || ftruncate(partial.fd_, 0) != 0) {
      return Fail(FailErrno("write " + path).error());
    }
    return partial;
  }

  PartialFile(PartialFile&& other) noexcept
      : file_(std::move(other.file_)),
        path_(std::move(other.path_)),
        fd_(std::exchange(other.fd_, -1)) {}
  PartialFile& operator=(PartialFile&&) = delete;
  ~PartialFile() {
    if (fd_ < 0) return;
    for (const char* end : {"", "-journal", "-wal", "-shm"}) unlink((path_ + end).c_str());
    close(fd_);
  }

  const std::string& path() const { return path_; }
  int fd() const { return fd_; }

  // Puts it on disk under its name, where nothing has appeared meanwhile.
  Status Name() {
    if (fsync(fd_) != 0) return FailErrno("sync " + path_);
    Failpoint("store.backup_synced");
    if (!RenameToNew(path_, file_)) {
      if (errno != EEXIST) return FailErrno("rename " + path_);
      return Fail(ErrorCode::kConflict, file_ + " is there already", kBackupExists);
    }
    Forget();
    Failpoint("store.backup_named");
    const std::filesystem::path folder = std::filesystem::path(file_).parent_path();
    const int fd = open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool synced = fd >= 0 && fsync(fd) == 0;
    Status done = synced ? Status() : FailErrno("sync the folder of " + file_);
    if (fd >= 0) close(fd);
    return done;
  }

 private:
  explicit PartialFile(const std::string& file) : file_(file), path_(file + ".partial") {}

  void Forget() {
    close(fd_);
    fd_ = -1;
  }

  std::string file_;
  std::string path_;
  int fd_ = -1;
};

// Makes the copy one file, and its coming deliveries its own.
Status Settle(Database& copy) {
  Status done = copy.Execute("PRAGMA journal_mode=DELETE; BEGIN IMMEDIATE");
  for (const sql::Query* query : {&sql::kSeriesKeep, &sql::kSeriesBegin, &sql::kSeriesSetOwn}) {
    if (done) done = copy.Prepare(*query).Run();
  }
  return done ? copy.Execute("COMMIT") : done;
}

Result<std::int64_t> CountOf(Database& copy, const sql::Query& query, int column) {
  Statement& statement = copy.Prepare(query);
  Result<bool> row = statement.Step();
  if (!row) return Fail(std::move(row).error());
  const std::int64_t count = *row ? statement.Integer(column) : 0;
  copy.ResetStatements();
  return count;
}

void AddProblem(std::int64_t count, const std::string& what, Backup& backup) {
  if (count != 0) backup.problems.push_back(std::to_string(count) + what);
}

// Holds the rows against what must be true of them.
Status CheckRows(Database& copy, Backup& backup) {
  Result<std::int64_t> views = CountOf(copy, sql::kSaneViews, 0);
  if (!views) return Fail(std::move(views).error());
  Result<std::int64_t> headless = CountOf(copy, sql::kSaneHeads, 0);
  if (!headless) return Fail(std::move(headless).error());
  AddProblem(*headless, " deliveries wait behind none and would never be sent", backup);
  Result<std::int64_t> deletions = CountOf(copy, sql::kSaneTally, 0);
  if (!deletions) return Fail(std::move(deletions).error());
  AddProblem(*deletions, " more deletions were counted than there are", backup);
  Result<std::int64_t> messages = CountOf(copy, sql::kSaneTally, 1);
  if (!messages) return Fail(std::move(messages).error());
  AddProblem(*messages, " more messages were counted than there are", backup);
  return {};
}

Status CheckCopy(Database& copy, Database::Look look, Backup& backup) {
  Result<std::vector<std::string>> damage = copy.FindDamage(kLongestLook, look);
  if (!damage) return Fail(std::move(damage).error());
  if (!damage->empty()) {
    return Fail(ErrorCode::kUnavailable, "the database is damaged: " + damage->front(),
                kDatabaseDamaged);
  }
  if (Status sane = CheckRows(copy, backup); !sane) return sane;
  for (const auto& [pragma, into] : {std::pair{"PRAGMA page_count", &backup.pages},
                                     std::pair{"PRAGMA page_size", &backup.page_bytes},
                                     std::pair{"PRAGMA user_version", &backup.schema}}) {
    Result<std::int64_t> value = copy.Value(pragma);
    if (!value) return Fail(std::move(value).error());
    *into = *value;
  }
  return {};
}

Status CopyAndCheck(const std::string& database, const PartialFile& partial, Database::Look look,
                    Backup& backup) {
  Result<Database> from = Database::Open(database, Database::Access::kReadOnly);
  if (!from) return Fail(std::move(from).error());
  if (Status current = CheckSchema(*from); !current) return current;
  SteadyClock::time_point begin = SteadyClock::now();
  if (Status copied = from->CopyTo(partial.path(), partial.fd()); !copied) return copied;
  backup.copied_in = Since(begin);
  Failpoint("store.backup_copied");
  begin = SteadyClock::now();
  Result<Database> copy = Database::Open(partial.path(), Database::Access::kReadWrite);
  if (!copy) return Fail(std::move(copy).error());
  Status done = Settle(*copy);
  if (done) done = CheckCopy(*copy, look, backup);
  backup.checked_in = Since(begin);
  return done;
}

}  // namespace

Result<Backup> BackUp(const std::string& database, const std::string& file, Database::Look look) {
  struct stat there {};
  if (lstat(file.c_str(), &there) == 0) {
    return Fail(ErrorCode::kConflict, file + " is there already", kBackupExists);
  }
  Result<PartialFile> partial = PartialFile::Make(file);
  if (!partial) return Fail(std::move(partial).error());
  Backup backup;
  if (Status done = CopyAndCheck(database, *partial, look, backup); !done) {
    return Fail(std::move(done).error());
  }
  Failpoint("store.backup_checked");
  if (Status named = partial->Name(); !named) return Fail(std::move(named).error());
  return backup;
}

}  // namespace imrelay
