#pragma once

#include <semaphore.h>

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "base/result.h"
#include "store/sqlite/database.h"

namespace imrelay {

// The one thread that writes. Callers hand in jobs and wait; the writer takes every job that is
// there, runs each in a savepoint of one transaction, commits once and then lets all of them go.
// So one fdatasync serves many, and a failing job undoes itself alone.
// Source of the choice: measured, one group-committing writer reaches four times the events of
// writers that commit for themselves, and nobody starves.
class Writer {
 public:
  // Changes rows through the connection; an error undoes what it did. Runs once, on the
  // writer's thread, while the caller waits, so it may keep references to the caller's locals.
  using Job = std::function<Status(Database&)>;

  explicit Writer(Database database);
  ~Writer();  // finishes what was handed in

  // Returns when the job is on disk, or with its own error, or with kUnavailable when the batch
  // could not be committed; then nothing of it was changed. Thread-safe.
  Status Run(const Job& job);

 private:
  struct Waiting {
    const Job* job;
    Status status;
    sem_t* finished;
  };

  void Loop();
  void CommitBatch(const std::vector<Waiting*>& batch);
  Status RunInSavepoint(const Job& job);

  Database database_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<Waiting*> queue_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace imrelay
