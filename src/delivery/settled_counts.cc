#include "delivery/settled_counts.h"

#include <string>

#include "base/metrics.h"

namespace imrelay {

void CountSettled(std::string_view target, std::string_view kind, const Settlement& settlement) {
  using Verdict = Settlement::Verdict;
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
  // The client's own deletions, which go to Bitrix24, are no deletions of an operator's.
  if (kind == kind::kMessageDeleted)
    Count("imrelay_deletions_total", {{"outcome", WordOf(verdict)}});
}

}  // namespace imrelay
