#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "store/sqlite/database.h"

namespace imrelay {

// Moves what was committed from the write-ahead log into the database file, on a connection and a
// thread of its own, so that no commit waits for it. Thread-safe.
// Source of the choice: measured, a checkpoint in the writer stops it for up to 100 ms where ten
// million messages are spread over the file.
class Checkpointer {
 public:
  // Calls `copied`, on its thread, when it has copied by itself, after somebody stopped reading,
  // what makes a long log ready to be begun anew; null: nobody is called.
  explicit Checkpointer(Database database, std::function<void()> copied = nullptr);
  ~Checkpointer();  // finishes the checkpoint under way
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;

  // The log has `frames` pages now. Starts a checkpoint when enough of them are new, and returns at
  // once. True when the log has become so long that the writer should begin it anew (see
  // Database::RestartLog), and little of it is left to be copied for that.
  bool Committed(int frames);

 private:
  void Run();
  // Under the lock.
  bool IsLong() const;
  bool IsReady() const;

  Database database_;
  const std::function<void()> tell_copied_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int seen_ = 0;       // frames of the log when it was looked at last
  int tried_ = 0;      // the same when the last checkpoint was begun
  int copied_ = 0;     // frames that are in the file
  bool busy_ = false;  // a checkpoint is wanted or under way
  bool held_ = false;  // it was told that the log grows
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace imrelay
