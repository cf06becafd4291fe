#include "recovery/offline_queue.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/failpoint.h"
#include "base/log.h"
#include "base/metrics.h"
#include "bitrix24/methods.h"
#include "install/backoff.h"

namespace imrelay {
namespace {

using std::chrono::seconds;

constexpr seconds kShortestPause{10};
// Of one read; more are needed only where a page is too large for us and has to be cut.
constexpr int kMostPages = 40;
constexpr std::int64_t kWidestCut = 1 << 20;

bool IsTooLarge(const CallError& error) {
  return error.word == "body_too_large" || error.word == "too_many_keys" ||
         error.word == "too_deep";
}

// Which message an event is of, as far as it tells.
std::string MessageOf(const OfflineEvent& event) {
  const Tree* list = event.data.FindAnyCase("MESSAGES");
  if (list == nullptr || list->items().empty()) return {};
  const Tree* im = list->items().front().second.FindAnyCase("im");
  const std::string* id = im == nullptr ? nullptr : im->FindTextAnyCase("message_id");
  return id == nullptr ? std::string() : *id;
}

void CountTaken(const OfflineEvent& event, const Committed& committed) {
  const std::string_view name = WireName(KindOf(event.event));
  const char* status = "accepted";
  if (committed.answer == Committed::Answer::kDuplicate) status = "duplicate";
  if (committed.answer == Committed::Answer::kIgnored) status = "ignored";
  Count("imrelay_events_total", {{"event", std::string(name.empty() ? "other" : name)},
                                 {"status", status},
                                 {"source", "offline"}});
  const bool found = KindOf(event.event) == EventKind::kMessageDelete &&
                     committed.answer == Committed::Answer::kAccepted;
  if (found) Count("imrelay_deletions_found_total", {{"source", "offline"}});
}

}  // namespace

OfflineQueue::OfflineQueue(OfflineStore& store, Ingest& ingest, PortalApi& api, const Clock& clock)
    : store_(store), ingest_(ingest), api_(api), clock_(clock) {}

Result<bool> OfflineQueue::ReadOne() {
  if (!begun_) {
    if (Status due = store_.MakeOfflineReadsDue(clock_.Now()); !due) {
      return Fail(std::move(due).error());
    }
    begun_ = true;
  }
  const TimePoint now = clock_.Now();
  // Not all together: those that a start made due come back at different times.
  Result<std::optional<PortalAccess>> portal =
      store_.BeginOfflineRead(now, now + Backoff(0, kOfflineEvery, kOfflineEvery));
  if (!portal) return Fail(std::move(portal).error());
  if (!*portal) return false;
  Reading reading{**std::move(portal)};
  Result<Problem> problem = Read(reading);
  if (!problem && problem.error().code == ErrorCode::kUnavailable) {
    begun_ = false;  // all of them, as soon as the database is back
    return Fail(std::move(problem).error());
  }
  if (stopping_) return false;  // the next process begins anew
  if (!problem) {
    // Uninstalled or removed while it was read; else our own fault, which must not hold up others.
    const bool gone = problem.error().code == ErrorCode::kNotFound ||
                      problem.error().code == ErrorCode::kUnauthenticated;
    problem = gone ? "portal_gone" : "not_stored";
  }
  if (Status ended = End(reading, *problem); !ended) return Fail(std::move(ended).error());
  return true;
}

Result<OfflineQueue::Problem> OfflineQueue::Read(Reading& reading) {
  const PortalId id = reading.portal.id;
  Result<bool> extended = IsExtended(reading);
  if (!extended) return Fail(std::move(extended).error());
  if (!*extended) return ReadByList(reading, false);
  if (!clean_.contains(id)) {
    Result<Problem> problem = ReadByList(reading, true);
    if (!problem || !problem->empty()) return problem;
  }
  clean_.erase(id);
  Result<Problem> problem = ReadByReserving(reading);
  if (!problem) return problem;
  if (*problem == "wrong_license") {
    // The plan is another one by now.
    if (Status set = store_.SetOfflineExtended(id, false, clock_.Now()); !set) {
      return Fail(std::move(set).error());
    }
    return ReadByList(reading, false);
  }
  if (problem->empty()) clean_.insert(id);
  return problem;
}

Result<OfflineQueue::Problem> OfflineQueue::ReadByList(Reading& reading, bool reserved_only) {
  std::vector<OfflineEvent> events;
  Problem problem = List(reading, reserved_only, events);
  if (events.empty()) return problem;
  Failpoint("recovery.offline_listed");
  if (Status committed = Commit(reading, events); !committed) {
    return Fail(std::move(committed).error());
  }
  Failpoint("recovery.offline_journalled");
  Result<Problem> removed = Remove(reading, events);
  if (!removed || !removed->empty()) return removed;
  return problem;
}

OfflineQueue::Problem OfflineQueue::List(Reading& reading, bool reserved_only,
                                         std::vector<OfflineEvent>& events) {
  std::int64_t after = 0;
  std::int64_t width = 0;  // of a cut, in ids; 0: none
  Problem problem;
  for (int page = 0; page < kMostPages && events.size() < kMostOfflineEvents; ++page) {
    const std::int64_t until = width == 0 ? 0 : after + width;
    CallResultOf<OfflinePage> listed =
        ReadOfflinePage(Send(reading, ListOffline(after, until, reserved_only)));
    if (!listed && IsTooLarge(listed.error())) {
      if (width == 1) {
        // One event alone that nobody could have posted to us either.
        problem = "event_too_large";
        reading.skipped.insert(++after);
      }
      width = width == 0 ? static_cast<std::int64_t>(kOfflinePage)
                         : std::max<std::int64_t>(width / 2, 1);
      continue;
    }
    if (!listed) return listed.error().word;
    std::vector<OfflineEvent>& found = listed->events;
    const bool more = listed->total > static_cast<std::int64_t>(found.size());
    reading.waiting = listed->total - static_cast<std::int64_t>(found.size());
    if (!found.empty()) after = std::max(after, found.back().id);
    std::move(found.begin(), found.end(), std::back_inserter(events));
    if (more) continue;
    if (width == 0) break;
    after = until;
    width = width >= kWidestCut ? 0 : width * 2;
  }
  return problem;
}

Result<OfflineQueue::Problem> OfflineQueue::Remove(Reading& reading,
                                                   const std::vector<OfflineEvent>& events) {
  std::map<std::string, std::vector<std::int64_t>> reserved;
  std::vector<OfflineEvent> free;
  for (const OfflineEvent& event : events) {
    if (event.process_id.empty()) {
      free.push_back(event);
    } else {
      reserved[event.process_id].push_back(event.id);
    }
  }
  for (const auto& [process_id, ids] : reserved) {
    Result<Problem> cleared = Clear(reading, process_id, ids);
    if (!cleared || !cleared->empty()) return cleared;
  }
  std::vector<OfflineEvent> run;
  for (OfflineEvent& event : free) {
    // What was skipped must not be in a range.
    const bool ends =
        run.size() == kOfflinePage || (!run.empty() && reading.skipped.upper_bound(run.back().id) !=
                                                           reading.skipped.lower_bound(event.id));
    if (ends) {
      Result<Problem> taken = TakeOut(reading, run);
      if (!taken || !taken->empty()) return taken;
      run.clear();
    }
    run.push_back(std::move(event));
  }
  return run.empty() ? Problem() : TakeOut(reading, run);
}

Result<OfflineQueue::Problem> OfflineQueue::TakeOut(Reading& reading,
                                                    const std::vector<OfflineEvent>& events) {
  const CallResultOf<OfflineBatch> batch =
      ReadOfflineBatch(Send(reading, TakeOffline(events.front().id, events.back().id)));
  Failpoint("recovery.offline_taken");
  if (!batch && IsTooLarge(batch.error())) {
    // They are gone, and on disk: each was listed in a smaller page.
    reading.taken += events.size();
    return Problem();
  }
  if (!batch) return batch.error().word;
  // What was not listed, or came again meanwhile, is nowhere but here.
  std::vector<OfflineEvent> others;
  for (const OfflineEvent& event : batch->events) {
    const bool is_known = std::any_of(events.begin(), events.end(), [&](const OfflineEvent& known) {
      return known.id == event.id && known.written_at == event.written_at &&
             known.message_id == event.message_id;
    });
    if (!is_known) others.push_back(event);
  }
  reading.taken += batch->events.size();
  if (Status committed = Commit(reading, std::move(others)); !committed) {
    return Fail(std::move(committed).error());
  }
  return Problem();
}

Result<OfflineQueue::Problem> OfflineQueue::Clear(Reading& reading, const std::string& process_id,
                                                  const std::vector<std::int64_t>& ids) {
  for (std::size_t from = 0; from < ids.size(); from += kOfflinePage) {
    const std::size_t end = std::min(from + kOfflinePage, ids.size());
    const CallResultOf<void> cleared = ReadDone(
        Send(reading, ClearOffline(process_id, {ids.begin() + static_cast<std::ptrdiff_t>(from),
                                                ids.begin() + static_cast<std::ptrdiff_t>(end)})));
    Failpoint("recovery.offline_cleared");
    if (!cleared) return cleared.error().word;
    reading.taken += end - from;
  }
  return Problem();
}

Result<OfflineQueue::Problem> OfflineQueue::ReadByReserving(Reading& reading) {
  while (reading.taken < kMostOfflineEvents) {
    const CallResultOf<OfflineBatch> batch = ReadOfflineBatch(Send(reading, ReserveOffline()));
    if (!batch) return batch.error().word;
    if (batch->events.empty()) return Problem();
    if (batch->process_id.empty()) return Problem("no_process_id");
    Failpoint("recovery.offline_reserved");
    if (Status committed = Commit(reading, batch->events); !committed) {
      return Fail(std::move(committed).error());
    }
    Failpoint("recovery.offline_journalled");
    std::vector<std::int64_t> ids;
    for (const OfflineEvent& event : batch->events) ids.push_back(event.id);
    Result<Problem> cleared = Clear(reading, batch->process_id, ids);
    if (!cleared || !cleared->empty()) return cleared;
    if (batch->events.size() < kOfflinePage) return Problem();
  }
  reading.waiting = 1;  // at least: nobody told how many
  return Problem();
}

Status OfflineQueue::Commit(const Reading& reading, std::vector<OfflineEvent> events) {
  std::sort(events.begin(), events.end(), [](const OfflineEvent& a, const OfflineEvent& b) {
    return std::tie(a.written_at, a.id) < std::tie(b.written_at, b.id);
  });
  std::map<std::string, std::size_t> last;  // edit of each message
  const auto is_edit = [](const OfflineEvent& event) {
    return KindOf(event.event) == EventKind::kMessageUpdate;
  };
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (is_edit(events[i])) last[MessageOf(events[i])] = i;
  }
  for (std::size_t i = 0; i < events.size(); ++i) {
    const OfflineEvent& event = events[i];
    UnpostedEvent unposted;
    unposted.member_id = reading.portal.member_id;
    unposted.source = EventSource::kOffline;
    unposted.name = event.event;
    unposted.data = event.data;
    unposted.ts = event.written_at;
    unposted.overtaken = is_edit(event) && last[MessageOf(event)] != i;
    Result<Committed> committed = ingest_.TakeUnposted(unposted);
    if (!committed) return Fail(std::move(committed).error());
    CountTaken(event, *committed);
    Failpoint("recovery.offline_event_journalled");
  }
  return {};
}

Result<bool> OfflineQueue::IsExtended(const Reading& reading) {
  const PortalId id = reading.portal.id;
  const Result<OfflineQueueState> state = store_.FindOfflineQueue(id);
  if (!state) return Fail(state.error());
  const TimePoint now = clock_.Now();
  const bool fresh = state->extended && state->extended_at && *state->extended_at <= now &&
                     now - *state->extended_at < kExtendedKnownFor;
  if (fresh) return *state->extended;
  const CallResultOf<bool> asked = ReadFeature(Send(reading, GetFeature(kOfflineExtended)));
  // Without the answer it is read as on every plan, which needs none.
  if (!asked) return false;
  if (Status set = store_.SetOfflineExtended(id, *asked, now); !set) {
    return Fail(std::move(set).error());
  }
  return *asked;
}

CallResult OfflineQueue::Send(const Reading& reading, const Call& call) {
  if (stopping_) return FailCall({Fault::kLater, "stopping", "the worker ends"});
  return api_.Send(reading.portal.member_id, call, kOfflinePatience);
}

Status OfflineQueue::End(const Reading& reading, const Problem& problem) {
  const PortalId id = reading.portal.id;
  const TimePoint now = clock_.Now();
  OfflineRead read{problem, reading.waiting, {}};
  if (!problem.empty()) {
    const int failures = failures_[id]++;
    if (failures == 0) {
      Log(LogLevel::kWarning, "offline queue",
          {{"outcome", "postponed"},
           {"member_id", reading.portal.member_id.value()},
           {"reason", problem}});
    }
    read.again_at = now + Backoff(failures, kShortestPause, kOfflineEvery);
  } else {
    failures_.erase(id);
    if (reading.waiting > 0 && reading.taken > 0) read.again_at = now;
  }
  if (reading.taken > 0) {
    Log(LogLevel::kInfo, "offline queue",
        {{"outcome", "read"},
         {"member_id", reading.portal.member_id.value()},
         {"events", std::to_string(reading.taken)}});
  }
  return store_.EndOfflineRead(id, read, now);
}

}  // namespace imrelay
