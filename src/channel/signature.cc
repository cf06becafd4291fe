#include "channel/signature.h"

namespace imrelay {

Result<std::string> WebhookSignature(const std::vector<Secret>&, std::string_view, long long,
                                     std::string_view) {
  return Fail(ErrorCode::kInternal, "not yet");
}

}  // namespace imrelay
