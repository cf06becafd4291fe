#include "store/sqlite/writer.h"

#include <exception>
#include <utility>

namespace imrelay {

Writer::Writer(Database database) : database_(std::move(database)), thread_([this] { Loop(); }) {}

Writer::~Writer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  arrived_.notify_one();
  thread_.join();
}

Status Writer::Run(const Job& job) {
  Waiting waiting{&job, {}};
  std::unique_lock lock(mutex_);
  queue_.push_back(&waiting);
  arrived_.notify_one();
  finished_.wait(lock, [&] { return waiting.done; });
  return std::move(waiting.status);
}

void Writer::Loop() {
  std::vector<Waiting*> batch;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      arrived_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      batch.swap(queue_);
    }
    CommitBatch(batch);
    {
      const std::lock_guard lock(mutex_);
      for (Waiting* waiting : batch) waiting->done = true;
    }
    finished_.notify_all();
    batch.clear();
  }
}

void Writer::CommitBatch(const std::vector<Waiting*>& batch) {
  Status committed = database_.Execute("BEGIN IMMEDIATE");
  if (committed) {
    for (Waiting* waiting : batch) {
      waiting->status = RunInSavepoint(*waiting->job);
      // A full disk or an I/O error can roll the whole transaction back; then nobody is committed.
      if (!database_.in_transaction()) {
        committed = Fail(ErrorCode::kUnavailable, "the database undid the transaction");
        break;
      }
    }
    if (committed) committed = database_.Execute("COMMIT");
    if (!committed && database_.in_transaction()) (void)database_.Execute("ROLLBACK");
  }
  if (committed) return;
  for (Waiting* waiting : batch) {
    waiting->status = Fail(ErrorCode::kUnavailable, committed.error().message);
  }
}

Status Writer::RunInSavepoint(const Job& job) {
  if (Status begun = database_.Execute("SAVEPOINT job"); !begun) return begun;
  Status done;
  try {
    done = job(database_);
  } catch (const std::exception&) {
    // Out of memory: this job fails, the others of the batch do not.
    done = Fail(ErrorCode::kUnavailable, "out of memory");
  }
  database_.ResetStatements();
  if (!done) {
    // What cannot be undone alone must not be committed with the others.
    if (database_.in_transaction() && !database_.Execute("ROLLBACK TO job; RELEASE job")) {
      (void)database_.Execute("ROLLBACK");
    }
    return done;
  }
  return database_.Execute("RELEASE job");
}

}  // namespace imrelay
