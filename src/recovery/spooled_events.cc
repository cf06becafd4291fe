#include "recovery/spooled_events.h"

#include <algorithm>
#include <exception>
#include <memory>
#include <utility>

#include "codec/body.h"
#include "domain/event.h"
#include "ingest/application_path.h"

namespace imrelay {
namespace {

// As many as requests may be under way.
constexpr int kMostUnderWay = 256;

bool IsInstallation(const Claimed& claimed) {
  const EventKind kind = KindOf(claimed.event);
  return kind == EventKind::kAppInstall || kind == EventKind::kAppUpdate;
}

}  // namespace

class SpooledEvents::Record {
 public:
  Record(SpooledEvents& events, SpooledRequest kept, SpoolOutcome::Place where)
      : request(std::move(kept)), place(where), events_(events) {}
  Record(const Record&) = delete;
  Record& operator=(const Record&) = delete;
  // Whoever had it threw: it is to be taken in again.
  ~Record() {
    if (!settled_) {
      events_.Settle(*this, Fail(ErrorCode::kUnavailable, "the event could not be handled"));
    }
  }

  void Settle(const Result<Committed>& outcome) {
    settled_ = true;
    events_.Settle(*this, outcome);
  }

  SpooledRequest request;  // without its body
  const SpoolOutcome::Place place;
  Claimed claimed;

 private:
  SpooledEvents& events_;
  bool settled_ = false;
};

int SpoolOutcome::refusals() const {
  int all = 0;
  for (const auto& [reason, count] : refused) all += count;
  return all;
}

int SpoolOutcome::records() const {
  return accepted + duplicate + ignored + refusals() + later + waiting;
}

SpooledEvents::SpooledEvents(Ingest& ingest, const Options& options, std::atomic<bool>& away)
    : ingest_(ingest), options_(options), away_(away) {}

SpooledEvents::~SpooledEvents() { WaitFor(0); }

void SpooledEvents::Submit(std::string_view content) {
  std::size_t offset = 0;
  while (true) {
    SpoolPiece piece = ReadSpool(content.substr(offset));
    const std::size_t bytes = piece.bytes;
    if (piece.kind == SpoolPiece::Kind::kEnd) return;
    Submit(std::move(piece), offset);
    offset += bytes;
  }
}

void SpooledEvents::Submit(SpoolPiece piece, std::size_t offset) {
  if (piece.kind == SpoolPiece::Kind::kRequest) {
    SubmitOne(std::move(piece.request), {offset, piece.bytes});
  } else if (piece.kind == SpoolPiece::Kind::kDamage) {
    const std::lock_guard lock(mutex_);
    outcome_.damaged.push_back({offset, piece.bytes});
  }
}

SpoolOutcome SpooledEvents::Wait() {
  WaitFor(0);
  const std::lock_guard lock(mutex_);
  return outcome_;
}

void SpooledEvents::WaitFor(int under_way) {
  std::unique_lock lock(mutex_);
  settled_.wait(lock, [&] { return under_way_ <= under_way; });
}

void SpooledEvents::SubmitOne(SpooledRequest request, const SpoolOutcome::Place& place) {
  WaitFor(kMostUnderWay - 1);
  if (away_) {
    const std::lock_guard lock(mutex_);
    ++outcome_.waiting;
    return;
  }
  const std::string body = std::exchange(request.body, {});
  const auto record = std::make_shared<Record>(*this, std::move(request), place);
  {
    const std::lock_guard lock(mutex_);
    ++under_way_;
  }
  const auto settle = [record](const Result<Committed>& outcome) { record->Settle(outcome); };
  const std::optional<ApplicationPath> path = ParseApplicationPath(record->request.path);
  if (!path || (path->page != "event" && path->page != "install") ||
      (!path->application.empty() && !options_.applications.contains(path->application))) {
    return settle(Fail(ErrorCode::kNotFound, "no event is posted to this path", "not_found"));
  }
  const std::optional<BodyFormat> format = FormatOf(record->request.content_type);
  if (!format) {
    return settle(Fail(ErrorCode::kInvalidArgument, "the type of the body is no event's",
                       "unsupported_media_type"));
  }
  Arrival arrival{EventSource::kSpool, path->application, record->request.received_at};
  arrival.unless = &away_;
  ingest_.Receive(*format, body, arrival, record->claimed, settle);
  // What follows may be authentic by it alone.
  if (IsInstallation(record->claimed)) WaitFor(0);
}

void SpooledEvents::Settle(const Record& record, const Result<Committed>& outcome) {
  const bool away = !outcome && outcome.error().code == ErrorCode::kUnavailable;
  if (away && !away_.exchange(true) && options_.away) options_.away();
  if (!away) Note(record, outcome);
  const std::lock_guard lock(mutex_);
  Add(record, outcome);
  --under_way_;
  // Under the lock: whoever waits may be gone right after.
  settled_.notify_all();
}

void SpooledEvents::Note(const Record& record, const Result<Committed>& outcome) const {
  if (!options_.note) return;
  try {
    options_.note(record.request, record.claimed, outcome);
  } catch (const std::exception&) {
    // Out of memory: a line less in the log.
  }
}

void SpooledEvents::Add(const Record& record, const Result<Committed>& outcome) {
  if (outcome) {
    int& count = outcome->answer == Committed::Answer::kDuplicate ? outcome_.duplicate
                 : outcome->answer == Committed::Answer::kIgnored ? outcome_.ignored
                                                                  : outcome_.accepted;
    ++count;
    return;
  }
  const Error& error = outcome.error();
  if (error.code == ErrorCode::kUnavailable) {
    ++outcome_.waiting;
    if (!outcome_.away) outcome_.away = error;
  } else if (error.code == ErrorCode::kRateLimited) {
    ++outcome_.later;
  } else {
    ++outcome_.refused[error.reason.empty() ? error.message : error.reason];
    if (error.code == ErrorCode::kUnauthenticated) {
      const TimePoint came = record.request.received_at;
      outcome_.last_unproven = std::max(outcome_.last_unproven.value_or(came), came);
    }
    // It may be our own fault, and is kept for whoever mends that.
    if (error.code == ErrorCode::kInternal) outcome_.damaged.push_back(record.place);
  }
}

}  // namespace imrelay
