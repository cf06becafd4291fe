#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace imrelay {

// A moment, UTC, to the millisecond.
using TimePoint = std::chrono::sys_time<std::chrono::milliseconds>;

// The world's time, handed to whoever needs it so that tests can set it. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint Now() const = 0;
};

class SystemClock final : public Clock {
 public:
  TimePoint Now() const override;
};

// "2026-03-17T15:16:17Z": UTC ISO 8601, seconds cut off.
std::string FormatUtc(TimePoint time);

inline long long UnixSeconds(TimePoint time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}
inline long long UnixMilliseconds(TimePoint time) { return time.time_since_epoch().count(); }
inline std::optional<std::int64_t> SecondsOf(const std::optional<TimePoint>& time) {
  return time ? std::optional<std::int64_t>(UnixSeconds(*time)) : std::nullopt;
}
inline TimePoint FromUnixSeconds(long long seconds) {
  return TimePoint(std::chrono::seconds(seconds));
}

}  // namespace imrelay
