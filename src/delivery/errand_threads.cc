#include "delivery/errand_threads.h"

#include <utility>

namespace imrelay {

ErrandThreads::ErrandThreads(PortalCaller& caller, int threads, std::shared_ptr<Bell> bell)
    : caller_(caller), bell_(std::move(bell)) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Work(); });
}

ErrandThreads::~ErrandThreads() { End(); }

void ErrandThreads::End() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void ErrandThreads::Give(PortalErrand errand) {
  {
    const std::lock_guard lock(mutex_);
    errands_.push_back(std::move(errand));
  }
  wake_.notify_one();
}

std::vector<PortalOutcome> ErrandThreads::TakeOutcomes() {
  const std::lock_guard lock(mutex_);
  return std::exchange(outcomes_, {});
}

void ErrandThreads::Work() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !errands_.empty(); });
    if (errands_.empty()) return;
    const PortalErrand errand = std::move(errands_.front());
    errands_.pop_front();
    lock.unlock();
    PortalOutcome outcome = caller_.Run(errand);
    lock.lock();
    outcomes_.push_back(std::move(outcome));
    bell_->Ring();
  }
}

}  // namespace imrelay
