#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "ingest/hold.h"
#include "ingest/ingest.h"
#include "recovery/deferred_files.h"
#include "recovery/spooled_events.h"
#include "spool/files.h"
#include "store/store.h"

namespace imrelay {

// Takes in what waits in the spool: files of both directories, the oldest name first, each removed
// when all that is in it is settled. What another worker that lives has just written is left to it
// for some seconds, but at a start; between those no order is kept. What is damaged is set aside
// first. Whatever crashes in between, it is taken in once, because an event's key decides; what
// came while it waited does not overtake it (see Hold). Logs and counts each event as a posted one.
// Not thread-safe.
class Intake {
 public:
  struct Options {
    std::string spool;      // the directory above both
    std::string lock_file;  // one process at a time takes in
    std::set<std::string> applications;
    // Closes the file that this process writes, so that it can be taken in. Null where it writes
    // none.
    std::function<void()> close_own = nullptr;
    // Told how long to gather what this process spools (SpoolWriter::Gather): longer, the longer it
    // takes in, because senders that never pause may hand in more than it does. Null likewise.
    std::function<void(std::chrono::milliseconds)> gather_own = nullptr;
    // Others that write without end must not keep the events of this process in the spool.
    std::chrono::milliseconds awaits_others{5000};
  };

  // Raises the hold where something waits already: to be made before the first event is posted.
  Intake(Store& store, Ingest& ingest, Hold& hold, Options options);

  // Takes in some of it. True when more waits that can be taken in at once.
  // Errors: kUnavailable when the database is away or a file cannot be read or removed: nothing is
  // lost, and it is to be tried again.
  Result<bool> Pass();

 private:
  // Another worker takes in by itself what it has just written, unless it is dead.
  enum class Writer { kSpooler, kThisWorker, kAnotherWorker };
  // A file that waits.
  struct Waiting {
    std::string name;
    std::string path;
    Writer writer;
  };
  // What was taken of a file, while it is under way.
  struct UnderWay;

  Result<bool> TakeInSome();
  void Gather();
  // By age.
  Result<std::vector<Waiting>> Find();
  static bool IsAmong(const std::vector<Waiting>& files, Writer writer);
  // Whether a file is another worker's who is about to take it in.
  bool IsLeftToAnother(const Waiting& file);
  // The oldest files, up to the first that is being written: what came later waits for that, but
  // for the spooler's not for ever.
  struct Collected;
  Status Collect(std::size_t most_bytes, Collected& collected);
  // Hands the records of all of them to the store, by the time they came, up to when the file was
  // begun that another writes.
  static void Submit(Collected& collected);
  // Waits for them, and removes what is settled. A file of which some was not handed in stays; one
  // with unproven events waits for another pass where what was not taken may prove them.
  // Returns how many records it were, those of other workers aside.
  Result<int> End(Collected& collected);
  // True, but now and then, when another process is to have the lock for a moment.
  bool GoesOn();
  // Whether the spooler is writing what is to be waited for. (What this process writes is not: it
  // is closed when the last is taken in.)
  bool AwaitsOthers(const Collected& collected);
  // Takes in the last, and lets the hold down: unless that is more than `most_bytes`.
  Result<bool> Finish(std::size_t most_bytes);
  // Whether a file is still worth waiting for, that another writes or is about to take in.
  bool IsAwaited(const std::string& path);
  // What is there no more.
  void ForgetAwaited(const std::vector<Waiting>& found);
  // None when somebody else has the file, or it is none of ours.
  Result<std::optional<TakenSpool>> Take(const Waiting& file);
  Result<std::string> Read(const TakenSpool& file);
  Status SetDamageAside(const std::string& path, const std::string& content,
                        const SpoolOutcome& outcome);
  // After every record was told: removes the file, or leaves it for later.
  Status End(TakenSpool& file, const std::string& content, const SpoolOutcome& outcome,
             bool may_be_proven);

  Store& store_;
  Ingest& ingest_;
  Hold& hold_;
  const Options options_;
  const SpoolDirectories directories_;
  SpooledEvents::Options taking_;
  DeferredFiles deferred_;
  std::atomic<bool> away_ = false;
  std::map<std::string, std::chrono::steady_clock::time_point> awaited_;  // since when, by path
  std::optional<std::chrono::steady_clock::time_point> only_others_since_;
  std::optional<std::chrono::steady_clock::time_point> turn_since_;
  std::optional<std::chrono::steady_clock::time_point> takes_in_since_;
  int idle_ = 0;  // passes with nothing to do, one after the other
};

}  // namespace imrelay
