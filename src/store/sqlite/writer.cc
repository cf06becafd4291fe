#include "store/sqlite/writer.h"

#include <exception>
#include <utility>

namespace imrelay {
namespace {

class Semaphore {
 public:
  Semaphore() { sem_init(&semaphore_, 0, 0); }
  ~Semaphore() { sem_destroy(&semaphore_); }
  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;

  sem_t* get() { return &semaphore_; }
  void Wait() {
    while (sem_wait(&semaphore_) != 0) {
      // Interrupted by a signal.
    }
  }

 private:
  sem_t semaphore_;
};

}  // namespace

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
  // Of the thread, not of this call: the writer may still be at it when the wait is over. Not the
  // standard library's, whose waits spin on sched_yield() and take the writer's processor.
  static thread_local Semaphore finished;
  Waiting waiting{&job, {}, finished.get()};
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(&waiting);
  }
  arrived_.notify_one();
  finished.Wait();
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
    for (Waiting* waiting : batch) sem_post(waiting->finished);
    batch.clear();
  }
}

void Writer::CommitBatch(const std::vector<Waiting*>& batch) {
  Status committed = database_.Prepare(sql::kBegin).Run();
  if (committed) {
    for (Waiting* waiting : batch) {
      waiting->status = RunInSavepoint(*waiting->job);
      // A full disk or an I/O error can roll the whole transaction back; then nobody is committed.
      if (!database_.in_transaction()) {
        committed = Fail(ErrorCode::kUnavailable, "the database undid the transaction");
        break;
      }
    }
    if (committed) committed = database_.Prepare(sql::kCommit).Run();
    if (!committed && database_.in_transaction()) (void)database_.Prepare(sql::kRollback).Run();
  }
  if (committed) return;
  for (Waiting* waiting : batch) {
    waiting->status = Fail(ErrorCode::kUnavailable, committed.error().message);
  }
}

Status Writer::RunInSavepoint(const Job& job) {
  if (Status begun = database_.Prepare(sql::kSavepointBegin).Run(); !begun) return begun;
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
    if (!database_.in_transaction()) return done;
    Status undone = database_.Prepare(sql::kSavepointRollback).Run();
    if (undone) undone = database_.Prepare(sql::kSavepointRelease).Run();
    if (!undone) (void)database_.Prepare(sql::kRollback).Run();
    return done;
  }
  return database_.Prepare(sql::kSavepointRelease).Run();
}

}  // namespace imrelay
