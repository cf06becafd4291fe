#include "ingest/hold.h"

#include <utility>

namespace imrelay {
namespace {

// More portals than install while a database is away; beyond it every portal counts.
constexpr std::size_t kMaxInstallations = 1000;

}  // namespace

void Hold::Pass(Action commit, Action divert) {
  const std::shared_lock lock(mutex_);
  if (parking_) {
    const std::lock_guard parked_lock(parked_mutex_);
    parked_.push_back({std::move(commit), std::move(divert)});
  } else if (raised_) {
    divert();
  } else {
    commit();
  }
}

void Hold::Raise() {
  const std::lock_guard lock(raise_mutex_);
  ++raises_;
  raised_ = true;
}

void Hold::RaiseForOthers() {
  const std::lock_guard lock(raise_mutex_);
  ++raises_;
  unknown_ = true;
  raised_ = true;
}

void Hold::LookAround() {
  if (!look_) return;
  // Nothing to be found out. What is parked from here on is let go only after another look.
  if (raised_ && unknown_ && !parking_) return;
  // Until it is raised: the next one is told no more of it.
  const std::lock_guard lock(look_mutex_);
  if (look_()) RaiseForOthers();
}

void Hold::Park() {
  if (look_) {
    const std::lock_guard look_lock(look_mutex_);
    look_();
  }
  const std::unique_lock lock(mutex_);
  parking_ = true;
  const std::lock_guard raise_lock(raise_mutex_);
  raises_when_parked_ = raises_;
}

void Hold::Release() {
  const std::unique_lock lock(mutex_);
  parking_ = false;
  bool down = false;
  {
    const std::lock_guard raise_lock(raise_mutex_);
    down = raises_ == raises_when_parked_;
    if (down) raised_ = false;
  }
  for (const Parked& parked : std::exchange(parked_, {})) down ? parked.commit() : parked.divert();
}

void Hold::Unpark() {
  const std::unique_lock lock(mutex_);
  parking_ = false;
  for (const Parked& parked : std::exchange(parked_, {})) parked.divert();
}

void Hold::NoteInstallation(const MemberId& member_id) {
  const std::lock_guard lock(installations_mutex_);
  if (installations_.size() < kMaxInstallations) installations_.insert(member_id);
}

void Hold::ForgetInstallations() {
  const std::lock_guard lock(installations_mutex_);
  installations_.clear();
  const std::lock_guard raise_lock(raise_mutex_);
  if (!raised_) unknown_ = false;
}

bool Hold::MayProve(const MemberId& member_id) {
  if (in_doubt_) return true;
  if (!raised_) return false;
  if (unknown_) return true;
  const std::lock_guard lock(installations_mutex_);
  return installations_.size() >= kMaxInstallations || installations_.contains(member_id);
}

}  // namespace imrelay
