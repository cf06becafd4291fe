#include "recovery/intake.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include "base/await.h"
#include "base/clock.h"
#include "base/failpoint.h"
#include "base/file_lock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "recovery/note_spooled_event.h"

namespace imrelay {
namespace {

using SteadyClock = std::chrono::steady_clock;

// After a long outage there is a file for every second of it, and each pass lists all of them.
constexpr std::size_t kFilesAtATime = 256;
// So few are handed to the store before anything that is parked has waited long; so are as many as
// a pass has taken in that was this quick.
constexpr int kFewRecords = 200;
constexpr std::size_t kFewBytes = 1 << 20;
constexpr std::chrono::milliseconds kQuick{1000};
constexpr std::size_t kManyBytes = 16 << 20;
// So long a process takes in without letting another have the lock.
constexpr std::chrono::seconds kOneTurn{3};
// An event may be on its way for so long before the file is begun that it stands in: it waits for
// the database, for the disk, and for nginx, which turns to the spooler.
constexpr std::chrono::seconds kOnItsWay{10};
constexpr int kIdlePassesToForget = 2;
// Bitrix24 calls less often who answers slowly, so at first an answer takes hardly longer.
constexpr std::chrono::milliseconds kGathersMost{500};

// Whether the process still runs that began a file; where it is in a container of its own, nobody
// knows.
bool IsWriterAlive(const std::string& name) {
  const std::optional<int> process = SpoolFileProcess(name);
  return process && (kill(*process, 0) == 0 || errno == EPERM);
}

}  // namespace

struct Intake::UnderWay {
  TakenSpool file;
  Writer writer;
  std::string content;
  std::unique_ptr<SpooledEvents> events;
  bool whole = true;  // all of it was handed in
};

struct Intake::Collected {
  std::vector<UnderWay> files;
  std::size_t bytes = 0;
  bool more = false;                    // there are others behind them
  std::optional<Writer> held;           // who still writes the next, which is waited for
  std::optional<TimePoint> held_since;  // when that was begun: what is newer waits for it
  bool passed_over = false;             // one that was waited for long enough
  // When the oldest was begun that was not taken: what came later may be proven by it.
  std::optional<TimePoint> untaken_since;

  void NoteUntaken(const std::string& name) {
    TimePoint begun = SpoolFileBegun(name).value_or(TimePoint());
    if (begun > SystemClock().Now()) begun = TimePoint();  // the clock went back
    untaken_since = std::min(untaken_since.value_or(begun), begun);
  }
};

Intake::Intake(Store& store, Ingest& ingest, Hold& hold, Options options)
    : store_(store),
      ingest_(ingest),
      hold_(hold),
      options_(std::move(options)),
      directories_(options_.spool),
      taking_{options_.applications, NoteSpooledEvent, [&hold] { hold.Raise(); }} {
  const Result<std::vector<Waiting>> found = Find();
  if (found && found->empty()) return;
  hold_.RaiseForOthers();
  if (!found) return;
  // What a worker left that was killed is for this one to take in, which comes in its place.
  for (const Waiting& file : *found) {
    if (file.writer != Writer::kAnotherWorker) continue;
    awaited_[file.path] = SteadyClock::now() - options_.awaits_others;
  }
}

Result<std::vector<Intake::Waiting>> Intake::Find() {
  std::vector<Waiting> found;
  for (const std::string& directory : {directories_.spooler, directories_.worker}) {
    Result<std::vector<std::string>> names = ListSpool(directory);
    if (!names) return Fail(std::move(names).error());
    for (std::string& name : *names) {
      std::string path = directory + '/' + name;
      if (deferred_.Contains(path)) continue;
      const Writer writer = directory == directories_.spooler    ? Writer::kSpooler
                            : SpoolFileProcess(name) == getpid() ? Writer::kThisWorker
                                                                 : Writer::kAnotherWorker;
      found.push_back({std::move(name), std::move(path), writer});
    }
  }
  std::sort(found.begin(), found.end(),
            [](const Waiting& a, const Waiting& b) { return a.name < b.name; });
  return found;
}

bool Intake::IsAmong(const std::vector<Waiting>& files, Writer writer) {
  return std::any_of(files.begin(), files.end(),
                     [writer](const Waiting& file) { return file.writer == writer; });
}

Result<bool> Intake::Pass() {
  Result<bool> more = TakeInSome();
  if (!more || !hold_.flag()) {
    takes_in_since_.reset();
    Gather();
  }
  return more;
}

void Intake::Gather() {
  if (!options_.gather_own) return;
  std::chrono::milliseconds longest{0};
  if (takes_in_since_) {
    const auto since = SteadyClock::now() - *takes_in_since_;
    longest = std::min(kGathersMost, std::chrono::floor<std::chrono::milliseconds>(since / 4));
  }
  options_.gather_own(longest);
}

Result<bool> Intake::TakeInSome() {
  Result<std::vector<Waiting>> found = Find();
  if (!found) return Fail(std::move(found).error());
  ForgetAwaited(*found);
  hold_.SetDoubt(IsAmong(*found, Writer::kAnotherWorker) || deferred_.MayProve());
  if (found->empty() && !hold_.flag()) {
    only_others_since_.reset();
    if (++idle_ >= kIdlePassesToForget) hold_.ForgetInstallations();
    return false;
  }
  idle_ = 0;
  if (!hold_.flag() && std::all_of(found->begin(), found->end(),
                                   [this](const Waiting& file) { return IsLeftToAnother(file); })) {
    return false;
  }
  if (IsAmong(*found, Writer::kSpooler)) {
    hold_.RaiseForOthers();
  } else if (!hold_.flag() && IsAmong(*found, Writer::kThisWorker)) {
    hold_.Raise();
  }
  if (hold_.flag()) {
    if (!takes_in_since_) takes_in_since_ = SteadyClock::now();
    Gather();
  }
  Result<std::optional<FileLock>> lock = FileLock::Try(options_.lock_file, 0);
  if (!lock) return Fail(std::move(lock).error());
  if (!*lock) return false;  // another takes in, and this process looks again after that
  // Whatever was handed to the store before the hold rose is through then, too.
  const Status ready =
      Await<Status>([&](std::function<void(Status)> done) { store_.CheckReady(std::move(done)); });
  if (!ready) {
    only_others_since_.reset();  // it is not they who are waited for
    return Fail(ready.error());
  }
  away_ = false;
  const SteadyClock::time_point begun = SteadyClock::now();
  if (options_.close_own) options_.close_own();
  Collected collected;
  if (Status done = Collect(kManyBytes, collected); !done) return Fail(done.error());
  Submit(collected);
  const Result<int> records = End(collected);
  if (!records) return Fail(records.error());
  // What another worker left needs no hold here, and that worker may want its turn.
  if (!hold_.flag()) return false;
  const bool quick = SteadyClock::now() - begun < kQuick;
  const bool awaits = AwaitsOthers(collected);
  if (collected.more || (*records > kFewRecords && !quick && !awaits)) return GoesOn();
  if (awaits) return false;
  return Finish(quick ? std::max(kFewBytes, collected.bytes) : kFewBytes);
}

bool Intake::GoesOn() {
  const SteadyClock::time_point now = SteadyClock::now();
  if (!turn_since_) turn_since_ = now;
  if (now - *turn_since_ < kOneTurn) return true;
  turn_since_.reset();
  return false;
}

bool Intake::AwaitsOthers(const Collected& collected) {
  if (collected.held == Writer::kSpooler) {
    if (!only_others_since_) only_others_since_ = SteadyClock::now();
    return true;
  }
  const bool seen_all = !collected.held && !collected.more;
  if (seen_all && !collected.passed_over) only_others_since_.reset();
  return false;
}

Status Intake::Collect(std::size_t most_bytes, Collected& collected) {
  Result<std::vector<Waiting>> found = Find();
  if (!found) return Fail(std::move(found).error());
  const bool given_up =
      only_others_since_ && SteadyClock::now() - *only_others_since_ >= options_.awaits_others;
  for (const Waiting& waiting : *found) {
    if (IsLeftToAnother(waiting)) {
      collected.NoteUntaken(waiting.name);
      continue;
    }
    if (collected.files.size() == kFilesAtATime || collected.bytes > most_bytes) {
      collected.more = true;
      collected.NoteUntaken(waiting.name);
      return {};
    }
    Result<std::optional<TakenSpool>> file = Take(waiting);
    if (!file) return Fail(std::move(file).error());
    if (!*file) {
      if (deferred_.Contains(waiting.path) || access(waiting.path.c_str(), F_OK) != 0) continue;
      collected.NoteUntaken(waiting.name);
      if (waiting.writer == Writer::kAnotherWorker) continue;
      if (!IsAwaited(waiting.path) || (given_up && waiting.writer == Writer::kSpooler)) {
        collected.passed_over = true;
        continue;
      }
      collected.held = waiting.writer;
      collected.held_since = SpoolFileBegun(waiting.name);
      return {};
    }
    Result<std::string> content = Read(**file);
    if (!content) continue;
    collected.bytes += content->size();
    collected.files.push_back({**std::move(file), waiting.writer, *std::move(content),
                               std::make_unique<SpooledEvents>(ingest_, taking_, away_)});
  }
  return {};
}

void Intake::Submit(Collected& collected) {
  struct Next {
    UnderWay* file;
    std::size_t offset;
    SpoolPiece piece;
  };
  std::vector<Next> all;
  const auto read = [](UnderWay* file, std::size_t offset) -> Next {
    return {file, offset, ReadSpool(std::string_view(file->content).substr(offset))};
  };
  for (UnderWay& file : collected.files) all.push_back(read(&file, 0));
  while (!all.empty()) {
    // Of equal ones the first, which is of the oldest file. What is damaged has no time: at once.
    const auto next = std::min_element(all.begin(), all.end(), [](const Next& a, const Next& b) {
      return a.piece.request.received_at < b.piece.request.received_at;
    });
    if (next->piece.kind == SpoolPiece::Kind::kEnd) {
      all.erase(next);
      continue;
    }
    if (collected.held_since && next->piece.kind == SpoolPiece::Kind::kRequest &&
        next->piece.request.received_at >= *collected.held_since) {
      next->file->whole = false;
      all.erase(next);
      continue;
    }
    Next after = read(next->file, next->offset + next->piece.bytes);
    next->file->events->Submit(std::move(next->piece), next->offset);
    *next = std::move(after);
  }
}

Result<int> Intake::End(Collected& collected) {
  int records = 0;
  Status ended;
  std::vector<SpoolOutcome> outcomes;
  bool proofs_are_late = deferred_.MayProve();
  for (const UnderWay& one : collected.files) {
    outcomes.push_back(one.events->Wait());
    proofs_are_late |= outcomes.back().later > 0;
  }
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    UnderWay& one = collected.files[i];
    if (one.writer != Writer::kAnotherWorker) records += outcomes[i].records();
    if (!one.whole && outcomes[i].waiting == 0) continue;
    const std::optional<TimePoint>& unproven = outcomes[i].last_unproven;
    const bool may_be_proven =
        unproven && (proofs_are_late || (collected.untaken_since &&
                                         *unproven + kOnItsWay >= *collected.untaken_since));
    Status done = End(one.file, one.content, outcomes[i], may_be_proven);
    if (ended) ended = std::move(done);
  }
  collected.files.clear();  // what stays is let go
  if (!ended) return Fail(ended.error());
  return records;
}

Result<bool> Intake::Finish(std::size_t most_bytes) {
  hold_.Park();
  if (options_.close_own) options_.close_own();
  Collected collected;
  const Status done = Collect(most_bytes, collected);
  if (!done || AwaitsOthers(collected) || collected.held || collected.more) {
    hold_.Unpark();
    if (!done) return Fail(done.error());
    return collected.more && GoesOn();
  }
  turn_since_.reset();
  only_others_since_.reset();
  Submit(collected);
  // An installation may be in it.
  if (collected.passed_over) hold_.SetDoubt(true);
  hold_.Release();
  const Result<int> records = End(collected);
  if (!records) return Fail(records.error());
  return false;
}

// What is older is taken in by the time it came, with everybody's: it is of an outage, and the
// edits of one message may stand in the files of several.
bool Intake::IsLeftToAnother(const Waiting& file) {
  if (file.writer != Writer::kAnotherWorker) return false;
  const std::optional<TimePoint> begun = SpoolFileBegun(file.name);
  return begun && SystemClock().Now() - *begun < options_.awaits_others &&
         IsWriterAlive(file.name) && IsAwaited(file.path);
}

bool Intake::IsAwaited(const std::string& path) {
  const SteadyClock::time_point now = SteadyClock::now();
  return now - awaited_.emplace(path, now).first->second < options_.awaits_others;
}

Result<std::optional<TakenSpool>> Intake::Take(const Waiting& waiting) {
  Result<std::optional<TakenSpool>> file = TakenSpool::Take(waiting.path);
  if (!file) {
    // One that cannot be opened must not keep the others waiting.
    Log(LogLevel::kError, "spool file passed over", {{"because", file.error().message}});
    deferred_.Add(waiting.path);
    return std::optional<TakenSpool>();
  }
  return file;
}

Result<std::string> Intake::Read(const TakenSpool& file) {
  Result<std::string> content = file.Read();
  if (!content) {
    Log(LogLevel::kError, "spool file passed over", {{"because", content.error().message}});
    deferred_.Add(file.path());
  }
  return content;
}

void Intake::ForgetAwaited(const std::vector<Waiting>& found) {
  std::set<std::string_view> paths;
  for (const Waiting& file : found) paths.insert(file.path);
  std::erase_if(awaited_, [&](const auto& one) {
    return !paths.contains(one.first) && !deferred_.Contains(one.first);
  });
}

Status Intake::SetDamageAside(const std::string& path, const std::string& content,
                              const SpoolOutcome& outcome) {
  for (const SpoolOutcome::Place& damage : outcome.damaged) {
    const std::string_view bytes = std::string_view(content).substr(damage.offset, damage.bytes);
    Result<std::string> aside = SetAside(directories_.damaged, path, damage.offset, bytes);
    if (!aside) return Fail(std::move(aside).error());
    Failpoint("intake.set_aside");
    Log(LogLevel::kError, "spool file damaged",
        {{"file", path}, {"bytes", std::to_string(damage.bytes)}, {"set_aside", *aside}});
    Count("imrelay_spool_damaged_total");
  }
  return {};
}

Status Intake::End(TakenSpool& file, const std::string& content, const SpoolOutcome& outcome,
                   bool may_be_proven) {
  if (outcome.away) return Fail(*outcome.away);
  // Another file met it first. This one's turn is as soon as the database is back, too.
  if (outcome.waiting > 0) return Fail(ErrorCode::kUnavailable, "the database is away");
  if (!outcome.is_settled() || may_be_proven) {
    deferred_.Add(file.path(), outcome.later > 0);
    return {};
  }
  Failpoint("intake.committed");
  if (Status aside = SetDamageAside(file.path(), content, outcome); !aside) return aside;
  Status removed = file.Remove();
  Failpoint("intake.removed");
  return removed;
}

}  // namespace imrelay
