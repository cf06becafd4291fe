#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/file_lock.h"
#include "ingest/ingest.h"
#include "install/prover.h"
#include "store/store.h"

namespace imrelay {

// The thread behind the requests: proves installations, then applies what waited for them. It
// looks several times a second, because another process may have taken the installation in. Of
// several processes on one database, one does it; when that ends, another takes over.
class ProofLoop {
 public:
  // `lock_file`: a file of its own beside the database. The database file itself must not be opened
  // a second time: closing it would end SQLite's locks.
  ProofLoop(Store& store, Ingest& ingest, Prover& prover, std::string lock_file);
  ~ProofLoop();  // stops, and waits for the proof it is at

  // Begins no further proof. Returns at once.
  void Stop();

 private:
  void Run();
  // False when there was nothing to do, or nothing could be done now; the latter is logged.
  bool DoOne();
  Result<bool> Work();

  Store& store_;
  Ingest& ingest_;
  Prover& prover_;
  const std::string lock_file_;
  std::optional<FileLock> lock_;  // kept once taken
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  bool failing_ = false;
  std::thread thread_;
};

}  // namespace imrelay
