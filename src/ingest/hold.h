#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <utility>
#include <vector>

#include "domain/ids.h"

namespace imrelay {

// Keeps posted events from overtaking those that wait in the spool. While it is raised, an event is
// *diverted*: it is refused with kHeldBack, which has it spooled behind the others. It rises by
// itself when the store could not commit an event, before anything that came later is committed.
// Who takes the spool in lets it down again: parks what comes, hands the last of the spool to the
// store, and lets what was parked follow. Thread-safe.
class Hold {
 public:
  using Action = std::function<void()>;
  // Whether others have put something into the spool since the last call. Quick; called on any
  // thread, by one at a time.
  using Look = std::function<bool()>;

  // With a `look`, LookAround raises it.
  explicit Hold(Look look = nullptr) : look_(std::move(look)) {}

  // For every event, before anything is decided about it: raises it where others have put something
  // into the spool. So what comes later does not overtake that, and is not refused before it.
  void LookAround();

  // Calls one of the two, now or, while events are parked, when that ends: `commit`, which hands
  // the event to the store, or `divert`. Both are quick, and what is diverted has been handed to
  // the spool when `divert` returns.
  void Pass(Action commit, Action divert);

  // The store does not commit: everything is diverted from now on, what waits in the store with
  // `flag` too.
  void Raise();
  // The same, for something that others wrote: nobody knows whether an installation is in it.
  void RaiseForOthers();
  // True while it is raised.
  const std::atomic<bool>& flag() const { return raised_; }

  // Has what comes wait in memory, for a moment; nobody is diverting any more when it returns.
  // What others have put into the spool by now is the caller's to find, and raises nothing later.
  void Park();
  // Lets it down: what is parked is handed to the store in order, and what comes follows. Where it
  // was raised anew since Park, everything stays diverted.
  void Release();
  // What is parked is diverted, as what comes is again.
  void Unpark();

  // An installation of the portal was diverted.
  void NoteInstallation(const MemberId& member_id);
  // Nothing waits, and has not for a while.
  void ForgetInstallations();
  // Whether an installation may wait where nothing is held up for it: in another worker's file, or
  // put off because too many wait for their proof.
  void SetDoubt(bool in_doubt) { in_doubt_ = in_doubt; }
  // Whether something that waits may make an event authentic that is not as yet: it is diverted
  // too, not refused, then.
  bool MayProve(const MemberId& member_id);

 private:
  struct Parked {
    Action commit;
    Action divert;
  };

  const Look look_;
  std::mutex look_mutex_;
  std::shared_mutex mutex_;            // shared by what passes
  std::atomic<bool> parking_ = false;  // written under mutex_
  std::mutex parked_mutex_;
  std::vector<Parked> parked_;
  std::mutex raise_mutex_;
  std::atomic<bool> raised_ = false;
  std::uint64_t raises_ = 0;
  std::uint64_t raises_when_parked_ = 0;
  std::atomic<bool> unknown_ = false;
  std::atomic<bool> in_doubt_ = false;
  std::mutex installations_mutex_;
  std::set<MemberId> installations_;
};

}  // namespace imrelay
