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
    : store_(store),
      ingest_(ingest),
      prover_(prover),
      lock_file_(std::move(lock_file)),
      thread_([this] { Run(); }) {}

ProofLoop::~ProofLoop() {
  Stop();
  thread_.join();
}

void ProofLoop::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
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

Result<bool> ProofLoop::Work() {
  if (!lock_) {
    Result<std::optional<FileLock>> taken = FileLock::Try(lock_file_, 0);
    if (!taken) return Fail(std::move(taken).error());
    if (!*taken) return false;
    lock_ = *std::move(taken);
  }
  Result<int> applied = ApplyWaitingEvents(store_, ingest_);
  if (!applied) return Fail(std::move(applied).error());
  return prover_.ProveOne();
}

bool ProofLoop::DoOne() {
  Result<bool> worked = false;
  try {
    worked = Work();
  } catch (const std::exception&) {
    worked = Fail(ErrorCode::kUnavailable, "out of memory");
  }
  const bool failed = !worked;
  // Once when it begins, not at every try.
  if (failed && !failing_) {
    Log(LogLevel::kError, "proofs wait", {{"because", worked.error().message}});
  }
  failing_ = failed;
  return !failed && *worked;
}

}  // namespace imrelay
