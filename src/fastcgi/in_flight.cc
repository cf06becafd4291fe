#include "fastcgi/in_flight.h"

#include <utility>

namespace imrelay {

void InFlight::AwaitRoom() {
  std::unique_lock lock(mutex_);
  room_.wait(lock, [this] { return stopped_ || count_ < limit_; });
}

void InFlight::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  room_.notify_all();
}

void InFlight::AwaitNone() {
  std::unique_lock lock(mutex_);
  none_.wait(lock, [this] { return count_ == 0; });
}

InFlight::Ticket::Ticket(std::shared_ptr<InFlight> counted) : counted_(std::move(counted)) {
  const std::lock_guard lock(counted_->mutex_);
  ++counted_->count_;
}

InFlight::Ticket::~Ticket() {
  const std::lock_guard lock(counted_->mutex_);
  if (counted_->count_-- == counted_->limit_) counted_->room_.notify_all();
  if (counted_->count_ == 0) counted_->none_.notify_all();
}

}  // namespace imrelay
