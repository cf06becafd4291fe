#include "app/proof_loop.h"

#include <chrono>
#include <exception>
#include <utility>

#include "base/log.h"
#include "recovery/waiting_events.h"

namespace imrelay {
namespace {

constexpr std::chrono::milliseconds kPause{200};
// While the database is away there is no use in asking it five times a second.
constexpr std::chrono::seconds kPauseAfterFailure{2};

}  // namespace

ProofLoop::ProofLoop(Store& store, Ingest& ingest, Prover& prover, std::string lock_file)
    : store_(store), ingest_(ingest), prover_(prover), lock_(std::move(lock_file)), thread_([this] {
        Run();
      }) {}

ProofLoop::~ProofLoop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void ProofLoop::Run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    const bool busy = DoOne();
    lock.lock();
    if (busy) continue;
    if (failing_) {
      wake_.wait_for(lock, kPauseAfterFailure, [&] { return stopping_; });
    } else {
      wake_.wait_for(lock, kPause, [&] { return stopping_; });
    }
  }
}

bool ProofLoop::DoOne() {
  if (!lock_.Held()) return false;
  Status failed;
  bool busy = false;
  try {
    Result<int> applied = ApplyWaitingEvents(store_, ingest_);
    if (!applied) failed = Fail(std::move(applied).error());
    Result<bool> proved = prover_.ProveOne();
    if (!proved) {
      failed = Fail(std::move(proved).error());
    } else {
      busy = *proved;
    }
  } catch (const std::exception&) {
    failed = Fail(ErrorCode::kUnavailable, "out of memory");
  }
  // Once when it begins, not at every try.
  if (!failed && !failing_) {
    Log(LogLevel::kError, "proofs wait", {{"because", failed.error().message}});
  }
  failing_ = !failed;
  return busy && !failing_;
}

}  // namespace imrelay
