#include "recovery/note_spooled_event.h"

#include <string>
#include <string_view>

#include "base/log.h"
#include "base/metrics.h"
#include "domain/event.h"

namespace imrelay {
namespace {

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

}  // namespace

void NoteSpooledEvent(const SpooledRequest& request, const Claimed& claimed,
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

}  // namespace imrelay
