#include "recovery/intake.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/await.h"
#include "base/failpoint.h"
#include "base/file_lock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "domain/event.h"

namespace imrelay {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kFilesAtATime = 8;
// So few are handed to the store before anything that is parked has waited long.
constexpr int kFewRecords = 200;
constexpr std::size_t kFewBytes = 1 << 20;
constexpr std::chrono::seconds kDeferredFor{10};
// Others that write without end must not keep the events of this process in the spool.
constexpr std::chrono::seconds kOthersAreAwaited{5};
constexpr int kIdlePassesToForget = 2;

std::string_view StatusOf(const Result<Committed>& outcome) {
  if (!outcome) return outcome.error().code == ErrorCode::kRateLimited ? "" : "refused";
  switch (outcome->answer) {
    case Committed::Answer::kDuplicate:
      return "duplicate";
    case Committed::Answer::kIgnored:
      return "ignored";
    case Committed::Answer::kAccepted:
      break;
  }
  return "accepted";
}

void NoteEvent(const SpooledRequest& request, const Claimed& claimed,
               const Result<Committed>& outcome) {
  const std::string status(StatusOf(outcome));
  if (status.empty()) return;  // it is taken in again
  const std::string reason = outcome                          ? outcome->reason
                             : outcome.error().reason.empty() ? outcome.error().message
                                                              : outcome.error().reason;
  Log(outcome ? LogLevel::kInfo : LogLevel::kWarning, "event",
      {{"status", status},
       {"source", "spool"},
       {"event", claimed.event},
       {"member_id", claimed.member_id},
       {"reason", reason},
       {"remote", request.remote_address},
       {"received", FormatUtc(request.received_at)}});
  const EventKind kind = KindOf(claimed.event);
  const std::string name(kind == EventKind::kOther ? "other" : WireName(kind));
  Count("imrelay_events_total", {{"event", name}, {"status", status}, {"source", "spool"}});
  if (status == "accepted" && kind == EventKind::kMessageDelete) {
    Count("imrelay_deletions_found_total", {{"source", "spool"}});
  }
}

}  // namespace

struct Intake::UnderWay {
  TakenSpool file;
  std::string content;
  std::unique_ptr<SpooledEvents> events;
};

Intake::Intake(Store& store, Ingest& ingest, Hold& hold, Options options)
    : store_(store),
      ingest_(ingest),
      hold_(hold),
      options_(std::move(options)),
      directories_(options_.spool),
      taking_{options_.applications, NoteEvent, [&hold] { hold.Raise(); }} {
  const Result<Found> found = Find();
  if (found && found->files.empty()) return;
  hold_.RaiseForOthers();
}

Result<Intake::Found> Intake::Find() {
  Found found;
  for (const std::string& directory : {directories_.spooler, directories_.worker}) {
    Result<std::vector<std::string>> names = ListSpool(directory);
    if (!names) return Fail(std::move(names).error());
    for (std::string& name : *names) {
      std::string path = directory + '/' + name;
      if (IsDeferred(path)) continue;
      found.by_others |= directory == directories_.spooler;
      found.files.push_back({std::move(name), std::move(path)});
    }
  }
  std::sort(found.files.begin(), found.files.end(),
            [](const Waiting& a, const Waiting& b) { return a.name < b.name; });
  return found;
}

Result<bool> Intake::Pass() {
  Result<Found> found = Find();
  if (!found) return Fail(std::move(found).error());
  if (found->files.empty() && !hold_.flag()) {
    only_others_since_.reset();
    if (++idle_ >= kIdlePassesToForget) hold_.ForgetInstallations();
    return false;
  }
  idle_ = 0;
  if (found->by_others) {
    hold_.RaiseForOthers();
  } else if (!hold_.flag()) {
    hold_.Raise();
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
  found = Find();
  if (!found) return Fail(std::move(found).error());
  // After that: what somebody has of those files is written by others.
  if (options_.close_own) options_.close_own();
  held_by_others_ = false;
  Result<bool> much = TakeIn(found->files);
  if (!much || *much) return much;
  if (held_by_others_ && AwaitsOthers()) return false;
  return Finish();
}

Result<bool> Intake::TakeIn(const std::vector<Waiting>& files) {
  int records = 0;
  std::size_t taken_files = 0;
  for (const Waiting& waiting : files) {
    if (taken_files == kFilesAtATime) return true;
    Result<std::optional<TakenSpool>> file = Take(waiting);
    if (!file) return Fail(std::move(file).error());
    // What is newer does not overtake it.
    if (!*file && held_by_others_ && AwaitsOthers()) return false;
    if (!*file) continue;
    ++taken_files;
    const Result<std::string> content = Read(**file);
    if (!content) continue;
    SpooledEvents events(ingest_, taking_, away_);
    events.Submit(*content);
    const SpoolOutcome outcome = events.Wait();
    if (Status ended = End(**file, *content, outcome); !ended) return Fail(ended.error());
    records += outcome.records();
  }
  return records > kFewRecords;
}

Result<bool> Intake::Finish() {
  hold_.Park();
  if (options_.close_own) options_.close_own();
  held_by_others_ = false;
  std::vector<UnderWay> all;
  std::size_t bytes = 0;
  const auto collect = [&]() -> Status {
    Result<Found> found = Find();
    if (!found) return Fail(std::move(found).error());
    for (const Waiting& waiting : found->files) {
      Result<std::optional<TakenSpool>> file = Take(waiting);
      if (!file) return Fail(std::move(file).error());
      if (!*file) continue;
      Result<std::string> content = Read(**file);
      if (!content) continue;
      bytes += content->size();
      all.push_back({**std::move(file), *std::move(content),
                     std::make_unique<SpooledEvents>(ingest_, taking_, away_)});
      if (bytes > kFewBytes) break;
    }
    return {};
  };
  const Status collected = collect();
  if (!held_by_others_) only_others_since_.reset();
  const bool awaits = held_by_others_ && AwaitsOthers();
  if (!collected || bytes > kFewBytes || awaits) {
    hold_.Unpark();
    if (!collected) return Fail(collected.error());
    return bytes > kFewBytes;
  }
  for (UnderWay& one : all) one.events->Submit(one.content);
  hold_.Release();
  Status ended;
  for (UnderWay& one : all) {
    Status done = End(one.file, one.content, one.events->Wait());
    if (ended) ended = std::move(done);
  }
  if (!ended) return Fail(ended.error());
  return false;
}

bool Intake::AwaitsOthers() {
  const SteadyClock::time_point now = SteadyClock::now();
  if (!only_others_since_) only_others_since_ = now;
  return now - *only_others_since_ < kOthersAreAwaited;
}

Result<std::optional<TakenSpool>> Intake::Take(const Waiting& waiting) {
  Result<std::optional<TakenSpool>> file = TakenSpool::Take(waiting.path);
  if (!file) {
    // One that cannot be opened must not keep the others waiting.
    Log(LogLevel::kError, "spool file passed over", {{"because", file.error().message}});
    Defer(waiting.path);
    return std::optional<TakenSpool>();
  }
  if (file && !*file) held_by_others_ = true;
  return file;
}

Result<std::string> Intake::Read(const TakenSpool& file) {
  Result<std::string> content = file.Read();
  if (!content) {
    Log(LogLevel::kError, "spool file passed over", {{"because", content.error().message}});
    Defer(file.path());
  }
  return content;
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

Status Intake::End(TakenSpool& file, const std::string& content, const SpoolOutcome& outcome) {
  if (outcome.away) return Fail(*outcome.away);
  if (!outcome.is_settled()) {
    Defer(file.path());
    return {};
  }
  Failpoint("intake.committed");
  if (Status aside = SetDamageAside(file.path(), content, outcome); !aside) return aside;
  Status removed = file.Remove();
  Failpoint("intake.removed");
  return removed;
}

void Intake::Defer(const std::string& path) {
  const SteadyClock::time_point now = SteadyClock::now();
  std::erase_if(deferred_, [now](const auto& one) { return one.second <= now; });
  deferred_[path] = now + kDeferredFor;
}

bool Intake::IsDeferred(const std::string& path) const {
  const auto found = deferred_.find(path);
  return found != deferred_.end() && SteadyClock::now() < found->second;
}

}  // namespace imrelay
