#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "crypto/digest.h"

namespace imrelay {

// `shortest`, twice that, … `longest`, less up to a quarter, so that many do not come back at once.
inline std::chrono::milliseconds Backoff(int attempts, std::chrono::milliseconds shortest,
                                         std::chrono::milliseconds longest) {
  std::chrono::milliseconds delay = shortest;
  for (int i = 0; i < attempts && delay < longest; ++i) delay *= 2;
  delay = std::min(delay, longest);
  const auto jitter = std::max<std::int64_t>(delay.count() / 4, 1);
  return delay - std::chrono::milliseconds(RandomBelow(static_cast<std::uint32_t>(jitter)));
}

}  // namespace imrelay
