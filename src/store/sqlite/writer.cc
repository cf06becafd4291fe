#include "store/sqlite/writer.h"

#include <chrono>
#include <exception>
#include <utility>

#include "base/await.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/metrics.h"

namespace imrelay {
namespace {

constexpr const char* kUndone = "the database undid the transaction";

constexpr std::chrono::milliseconds kPatienceOfRequests{1500};
// Longer than most commits of another process, after which it is this one's turn.
constexpr std::chrono::milliseconds kPatienceWhileFailing{250};

}  // namespace

Writer::Writer(Database database, Database checkpointing, Patience patience)
    : patience_(patience),
      database_(std::move(database)),
      turn_(database_.path() + "-turn"),
      // A commit of nothing, after which the log is begun anew.
      checkpointer_(std::move(checkpointing),
                    [this] { Submit([](Database&) { return Status(); }, [](const Status&) {}); }),
      thread_([this] { Loop(); }) {}

Writer::~Writer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  arrived_.notify_one();
  thread_.join();
}

void Writer::Submit(Job job, Done done) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back({std::move(job), std::move(done), {}});
  }
  arrived_.notify_one();
}

Status Writer::Run(Job job) {
  return Await<Status>([&](Done done) { Submit(std::move(job), std::move(done)); });
}

void Writer::Loop() {
  std::vector<Work> batch;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      arrived_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      batch.swap(queue_);
    }
    CommitBatch(batch);
    Failpoint("store.after_commit");
    Observe("imrelay_commit_batch_size", static_cast<double>(batch.size()));
    for (Work& work : batch) {
      try {
        work.done(std::move(work.status));
      } catch (const std::exception& error) {
        Log(LogLevel::kError, "answer", {{"error", error.what()}});
      }
    }
    batch.clear();
    if (database_.TakeQueued()) TellQueued();
    if (!checkpointer_.Committed(database_.log_frames())) continue;
    const std::optional<FileLock> turn = turn_.Take();  // the others wait a moment
    (void)database_.RestartLog();
  }
}

void Writer::OnQueued(std::function<void()> queued) {
  const std::lock_guard lock(queued_mutex_);
  queued_ = std::move(queued);
}

void Writer::TellQueued() {
  const std::lock_guard lock(queued_mutex_);
  if (queued_) queued_();
}

void Writer::SetPatience() {
  if (patience_ == Patience::kOfCommands) return;
  database_.SetPatience(failing_ ? kPatienceWhileFailing : kPatienceOfRequests);
}

Status Writer::Begin() {
  const std::optional<FileLock> turn = turn_.Take();
  return database_.Prepare(sql::kBegin).Run();
}

void Writer::CommitBatch(std::vector<Work>& batch) {
  SetPatience();
  bool spoiled = false;
  Status committed = RunTogether(batch, spoiled);
  if (spoiled) committed = RunApart(batch);
  failing_ = !committed;
  if (committed) return;
  for (Work& work : batch) {
    work.status = Fail(ErrorCode::kUnavailable, committed.error().message);
  }
}

// Runs the batch without savepoints, which cost a copy of every page a job changes. Nothing is
// committed and `spoiled` is set when a job failed after it had changed something.
Status Writer::RunTogether(std::vector<Work>& batch, bool& spoiled) {
  if (Status begun = Begin(); !begun) return begun;
  for (Work& work : batch) {
    const std::int64_t before = database_.total_changes();
    work.status = RunJob(work.job);
    spoiled = !database_.in_transaction() || (!work.status && database_.total_changes() != before);
    if (spoiled) break;
  }
  database_.ResetStatements();
  Failpoint("store.before_commit");
  Status ended = database_.Prepare(spoiled ? sql::kRollback : sql::kCommit).Run();
  if (!ended && database_.in_transaction()) (void)database_.Prepare(sql::kRollback).Run();
  return ended;
}

// Runs the batch with a savepoint for each job.
Status Writer::RunApart(std::vector<Work>& batch) {
  Status committed = Begin();
  if (!committed) return committed;
  for (Work& work : batch) {
    work.status = RunInSavepoint(work.job);
    // A full disk or an I/O error can roll the whole transaction back; then nobody is committed.
    if (!database_.in_transaction()) return Fail(ErrorCode::kUnavailable, kUndone);
  }
  committed = database_.Prepare(sql::kCommit).Run();
  if (!committed && database_.in_transaction()) (void)database_.Prepare(sql::kRollback).Run();
  return committed;
}

Status Writer::RunJob(const Job& job) {
  try {
    return job(database_);
  } catch (const std::exception&) {
    // Out of memory: this job fails, the others of the batch do not.
    return Fail(ErrorCode::kUnavailable, "out of memory");
  }
}

Status Writer::RunInSavepoint(const Job& job) {
  if (Status begun = database_.Prepare(sql::kSavepointBegin).Run(); !begun) return begun;
  Status done = RunJob(job);
  database_.ResetStatements();
  if (!done) {
    // What cannot be undone alone must not be committed with the others.
    if (!database_.in_transaction()) return done;
    Status undone = database_.Prepare(sql::kSavepointRollback).Run();
    if (undone) undone = database_.Prepare(sql::kSavepointRelease).Run();
    if (!undone) (void)database_.Prepare(sql::kRollback).Run();
    return done;
  }
  return database_.Prepare(sql::kSavepointRelease).Run();
}

}  // namespace imrelay
