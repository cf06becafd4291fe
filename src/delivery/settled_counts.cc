#include "delivery/settled_counts.h"

#include <string>

#include "base/metrics.h"

namespace imrelay {
namespace {

using Verdict = Settlement::Verdict;

const char* WordOf(Verdict verdict) {
  switch (verdict) {
    case Verdict::kDone:
      return "done";
    case Verdict::kGone:
      return "gone";
    case Verdict::kTooOld:
      return "too_old";
    case Verdict::kUnsupported:
      return "unsupported";
    case Verdict::kFailed:
      return "failed";
    case Verdict::kCancelled:
      return "cancelled";
    case Verdict::kLater:
      return "later";
  }
  return "failed";
}

bool IsDeletion(std::string_view kind) {
  return kind == kind::kMessageDeleted || kind == kind::kIncomingDeleted;
}

}  // namespace

void CountSettled(std::string_view target, std::string_view kind, const Settlement& settlement) {
  const Verdict verdict = settlement.verdict;
  if (settlement.attempt) {
    const std::string where(target);
    Count("imrelay_attempts_total", {{"target", where}, {"result", WordOf(verdict)}});
    Observe("imrelay_attempt_seconds",
            std::chrono::duration<double>(settlement.attempt->took).count(), {{"target", where}});
  }
  if (verdict == Verdict::kLater) return;
  const bool ends_otherwise = verdict == Verdict::kFailed || verdict == Verdict::kCancelled;
  Count("imrelay_deliveries_total",
        {{"kind", std::string(kind)}, {"state", ends_otherwise ? WordOf(verdict) : "done"}});
  if (IsDeletion(kind)) Count("imrelay_deletions_total", {{"outcome", WordOf(verdict)}});
}

}  // namespace imrelay
