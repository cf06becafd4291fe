#include "base/clock.h"

#include <cstdio>
#include <ctime>

namespace imrelay {

TimePoint SystemClock::Now() const {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

std::string FormatUtc(TimePoint time) {
  const std::time_t seconds = static_cast<std::time_t>(UnixSeconds(time));
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  const std::size_t length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return std::string(text, length);
}

}  // namespace imrelay
