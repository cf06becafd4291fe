#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "ingest/ingest.h"
#include "install/prover.h"
#include "store/store.h"

namespace imrelay {

// The thread behind the requests: proves installations, then applies what waited for them. It
// looks several times a second, because another process may have taken the installation in.
class ProofLoop {
 public:
  ProofLoop(Store& store, Ingest& ingest, Prover& prover);
  ~ProofLoop();  // waits for the proof it is at

 private:
  void Run();
  // False when there was nothing to do, or nothing could be done now.
  bool DoOne();

  Store& store_;
  Ingest& ingest_;
  Prover& prover_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  bool failing_ = false;
  std::thread thread_;
};

}  // namespace imrelay
