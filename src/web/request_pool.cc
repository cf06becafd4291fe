#include "web/request_pool.h"

#include <exception>
#include <utility>

#include "base/log.h"

namespace imrelay {
namespace {

// What the standard library throws ends this one request.
void Do(RequestPool::Work work, bool late) {
  try {
    work(late);
  } catch (const std::exception& thrown) {
    Log(LogLevel::kError, "request", {{"status", "thrown"}, {"reason", thrown.what()}});
  }
}

}  // namespace

RequestPool::RequestPool(int threads, std::size_t longest_queue) : longest_queue_(longest_queue) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Run(); });
}

RequestPool::~RequestPool() { Stop(); }

bool RequestPool::Add(Work work) {
  const std::lock_guard lock(mutex_);
  if (stopping_ || waiting_.size() >= longest_queue_) return false;
  waiting_.push_back(std::move(work));
  changed_.notify_one();
  return true;
}

void RequestPool::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void RequestPool::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    Work work = std::move(waiting_.front());
    waiting_.pop_front();
    const bool late = stopping_;
    lock.unlock();
    Do(std::move(work), late);
    lock.lock();
  }
}

}  // namespace imrelay
