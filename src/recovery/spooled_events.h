#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ingest/ingest.h"
#include "spool/record.h"

namespace imrelay {

// What became of the records of a spool file.
struct SpoolOutcome {
  int accepted = 0;
  int duplicate = 0;
  int ignored = 0;
  std::map<std::string, int> refused;  // by reason: it is no event, or nobody knows the sender
  int later = 0;                       // too much waits for proofs: to be taken in again
  int waiting = 0;                     // not stored, because the database is away
  // When the last of the refused came that an installation could have proven.
  std::optional<TimePoint> last_unproven;
  struct Place {
    std::size_t offset = 0;
    std::size_t bytes = 0;
  };
  // What could not be read, and records that the program itself failed on.
  std::vector<Place> damaged;
  std::optional<Error> away;  // why some are waiting

  int records() const;
  int refusals() const;
  // Everything readable is where it belongs; what is damaged stands in `damaged`.
  bool is_settled() const { return later == 0 && waiting == 0; }
};

// Takes the events of one spool file in, in their order, many at a time. To do it again changes
// nothing: what is known is a duplicate. For one file and one thread, but for what is told.
class SpooledEvents {
 public:
  // Told of each record that is settled, on any thread; quick.
  using NoteSettled =
      std::function<void(const SpooledRequest&, const Claimed&, const Result<Committed>& outcome)>;

  struct Options {
    std::set<std::string> applications;  // the named ones
    NoteSettled note = nullptr;
    // Called, before anything that was handed to the store later is committed, when the first
    // record could not be stored. None that follows is then.
    std::function<void()> away = nullptr;
  };

  // Both outlive it. `away` is set when the first record could not be stored; nothing is handed in
  // while it is. Files that are taken in one after the other share it.
  SpooledEvents(Ingest& ingest, const Options& options, std::atomic<bool>& away);
  ~SpooledEvents();  // waits for what is under way
  SpooledEvents(const SpooledEvents&) = delete;
  SpooledEvents& operator=(const SpooledEvents&) = delete;

  // Hands the records of a file to the store; nothing of `content` is needed afterwards.
  void Submit(std::string_view content);
  // The same of what stands at one place of it, so that several files can be taken in by time.
  void Submit(SpoolPiece piece, std::size_t offset);
  // Waits until every one of them is told.
  SpoolOutcome Wait();

 private:
  class Record;  // while it is under way

  void SubmitOne(SpooledRequest request, const SpoolOutcome::Place& place);
  void Settle(const Record& record, const Result<Committed>& outcome);
  void Note(const Record& record, const Result<Committed>& outcome) const;
  void Add(const Record& record, const Result<Committed>& outcome);
  void WaitFor(int under_way);

  Ingest& ingest_;
  const Options& options_;
  std::atomic<bool>& away_;
  std::mutex mutex_;
  std::condition_variable settled_;
  int under_way_ = 0;
  SpoolOutcome outcome_;
};

}  // namespace imrelay
