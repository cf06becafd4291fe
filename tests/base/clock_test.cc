#include "base/clock.h"

#include <doctest/doctest.h>

namespace imrelay {
namespace {

TEST_CASE("clock: writes UTC ISO 8601 with the milliseconds cut off") {
  CHECK(FormatUtc(FromUnixSeconds(0)) == "1970-01-01T00:00:00Z");
  CHECK(FormatUtc(FromUnixSeconds(1773760577)) == "2026-03-17T15:16:17Z");
  CHECK(FormatUtc(FromUnixSeconds(1773760577) + std::chrono::milliseconds(999)) ==
        "2026-03-17T15:16:17Z");
  CHECK(FormatUtc(FromUnixSeconds(951782400)) == "2000-02-29T00:00:00Z");
}

TEST_CASE("clock: cuts downwards before 1970 too") {
  CHECK(FormatUtc(FromUnixSeconds(0) - std::chrono::milliseconds(1)) == "1969-12-31T23:59:59Z");
  CHECK(UnixSeconds(FromUnixSeconds(0) - std::chrono::milliseconds(1)) == -1);
}

TEST_CASE("clock: seconds and milliseconds are those of the moment") {
  const TimePoint moment = FromUnixSeconds(1773760577) + std::chrono::milliseconds(250);

  CHECK(UnixSeconds(moment) == 1773760577);
  CHECK(UnixMilliseconds(moment) == 1773760577250);
}

TEST_CASE("clock: the system's clock tells the system's time") {
  const auto before =
      std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const TimePoint now = SystemClock().Now();
  const auto after = std::chrono::system_clock::now();

  CHECK(now >= before);
  CHECK(now <= after);
}

}  // namespace
}  // namespace imrelay
