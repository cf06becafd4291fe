#include "recovery/replay.h"

#include <optional>
#include <utility>

#include "domain/event.h"

namespace imrelay {
namespace {

// Why an event cannot be applied from the journal; null when it can.
const char* ReasonAgainst(const JournalledEvent& event) {
  const EventKind kind = KindOf(event.journal.name);
  if (event.status == EventStatus::kWaiting) {
    return "waits for the proof of its installation, and is applied then";
  }
  if (event.status == EventStatus::kRejected) {
    return "was rejected: nobody knows who posted it";
  }
  if (kind == EventKind::kAppInstall || kind == EventKind::kAppUpdate) {
    return "is an installation, which is proven with tokens that the journal does not keep; open "
           "the application in Bitrix24";
  }
  if (event.member_id.value().empty()) return "belongs to no portal that is known";
  if (event.journal.body.empty()) return "has no body any more: it was erased with its portal";
  return nullptr;
}

}  // namespace

Result<Replayed> ReplayEvent(Store& store, Ingest& ingest, EventId id) {
  const std::string name = "event " + std::to_string(id.value());
  Result<std::optional<JournalledEvent>> event = store.FindEvent(id);
  if (!event) return Fail(std::move(event).error());
  if (!*event) return Fail(ErrorCode::kNotFound, "no " + name);
  if (const char* reason = ReasonAgainst(**event)) {
    return Fail(ErrorCode::kConflict, name + ' ' + reason);
  }
  Result<Committed> committed = ingest.Replay(**event);
  if (!committed) return Fail(std::move(committed).error());
  return Replayed{committed->answer == Committed::Answer::kAccepted, committed->reason};
}

}  // namespace imrelay
