#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "base/result.h"
#include "store/sqlite/checkpointer.h"
#include "store/sqlite/database.h"
#include "store/sqlite/write_turn.h"

namespace imrelay {

// How long the calls of a store wait for locks of other programs.
enum class Patience {
  kOfCommands,  // 5 s each: somebody waits for the outcome, and there is no other way
  // Events wait, and can be kept elsewhere: a write at most 1.5 s, and 0.25 s while the one before
  // it failed; a read 0.2 s.
  kOfRequests,
};

// The one thread that writes. Callers hand in jobs; the writer runs every job that is there in one
// transaction, commits once and then tells each of them. So one fdatasync serves many, and a
// failing job undoes itself alone. Writers of several processes take turns (see WriteTurn).
// Source of the choice: measured, one group-committing writer reaches four times the events of
// writers that commit for themselves, and nobody starves.
class Writer {
 public:
  // Changes rows through the connection, on the writer's thread; an error undoes what it did. When
  // a job of its batch failed half-way, the batch is undone and every job runs a second time, so a
  // job decides from what it was given and from the database alone.
  using Job = std::function<Status(Database&)>;

  // Called once, on the writer's thread, when the job is on disk, or with its own error, or with
  // kUnavailable when the batch could not be committed; then nothing of it was changed. Everybody
  // else waits meanwhile, so it must be quick, and it must not call Run().
  using Done = std::function<void(Status)>;

  // Both connections are to the same file.
  Writer(Database database, Database checkpointing, Patience patience = Patience::kOfCommands);
  ~Writer();  // finishes what was handed in

  // Hands a job in and returns at once. Thread-safe.
  void Submit(Job job, Done done);

  // The same, and waits for it. Thread-safe.
  Status Run(Job job);

  // Calls `queued`, on the writer's thread, after each commit whose jobs called
  // Database::NoteQueued. Null ends it, and returns when no call is under way. Thread-safe.
  void OnQueued(std::function<void()> queued);

 private:
  struct Work {
    Job job;
    Done done;
    Status status;
  };

  void Loop();
  void TellQueued();
  void CommitBatch(std::vector<Work>& batch);
  void SetPatience();
  Status Begin();
  Status RunTogether(std::vector<Work>& batch, bool& spoiled);
  Status RunApart(std::vector<Work>& batch);
  Status RunJob(const Job& job);
  Status RunInSavepoint(const Job& job);

  const Patience patience_;
  bool failing_ = false;  // the last batch was not committed
  Database database_;
  WriteTurn turn_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<Work> queue_;
  std::mutex queued_mutex_;  // held while queued_ runs
  std::function<void()> queued_;
  bool stopping_ = false;
  Checkpointer checkpointer_;  // behind what it may call Submit with
  std::thread thread_;
};

}  // namespace imrelay
