#include "domain/delivery.h"

namespace imrelay {

const char* WordOf(Settlement::Verdict verdict) {
  using Verdict = Settlement::Verdict;
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
  return "later";
}

}  // namespace imrelay
