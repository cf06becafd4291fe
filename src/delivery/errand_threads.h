#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "delivery/bell.h"
#include "delivery/portal_errand.h"

namespace imrelay {

// The threads that run errands. Whoever gives them bounds how many are under way.
class ErrandThreads {
 public:
  // Keeps a reference. An outcome rings `bell`.
  ErrandThreads(PortalCaller& caller, int threads, std::shared_ptr<Bell> bell);
  ~ErrandThreads();  // ends
  ErrandThreads(const ErrandThreads&) = delete;
  ErrandThreads& operator=(const ErrandThreads&) = delete;

  int size() const { return static_cast<int>(threads_.size()); }
  void Give(PortalErrand errand);
  std::vector<PortalOutcome> TakeOutcomes();
  // Waits for the calls under way, and for those that were given, whose outcomes can still be
  // taken: what PortalCaller was told to stop goes back untried.
  void End();

 private:
  void Work();

  PortalCaller& caller_;
  const std::shared_ptr<Bell> bell_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<PortalErrand> errands_;
  std::vector<PortalOutcome> outcomes_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace imrelay
