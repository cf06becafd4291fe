#include "bitrix24/rate_limit.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/fakes/fake_clock.h"
#include "tests/fakes/temporary_directory.h"

namespace imrelay {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

const PortalId kPortal{1};
constexpr hours kPatient{100};

// What Take says, in milliseconds; -1 when there is no place.
std::int64_t Ask(RateLimit& limit, PortalId portal = kPortal, milliseconds longest = kPatient) {
  const Result<milliseconds> wait = limit.Take(portal, longest);
  if (wait) return wait->count();
  CHECK(wait.error().code == ErrorCode::kRateLimited);
  return -1;
}

// The waits of `count` calls at one moment, from an empty bucket, in order.
std::vector<std::int64_t> ExpectedWaits(int count, int burst, std::int64_t a_call) {
  std::vector<std::int64_t> waits;
  for (int i = 0; i < count; ++i) waits.push_back(std::max(0, i + 1 - burst) * a_call);
  return waits;
}

// In no window more calls than the bucket and its leak allow.
void CheckRespected(std::vector<std::int64_t> sent_at, CallRate rate) {
  std::sort(sent_at.begin(), sent_at.end());
  double least = 1e300;  // of (number - what leaked until then), over the windows' beginnings
  for (std::size_t i = 0; i < sent_at.size(); ++i) {
    const double above =
        static_cast<double>(i) - rate.per_second * static_cast<double>(sent_at[i]) / 1000;
    least = std::min(least, above);
    REQUIRE(above - least <= rate.burst - 1 + 1e-6);
  }
}

TEST_CASE("rate limit: a burst goes at once, what is above it in the rhythm of the leak") {
  const TemporaryDirectory directory;
  FakeClock clock;
  RateLimit limit(directory.File("rate"), {2, 50}, clock);

  std::vector<std::int64_t> waits;
  for (int i = 0; i < 60; ++i) waits.push_back(Ask(limit));
  CHECK(waits == ExpectedWaits(60, 50, 500));

  clock.Advance(seconds(5));  // the ten reserved places are past
  CHECK(Ask(limit) == 500);
  clock.Advance(hours(1));
  CHECK(Ask(limit) == 0);
}

TEST_CASE("rate limit: portals have buckets of their own") {
  const TemporaryDirectory directory;
  const FakeClock clock;
  RateLimit limit(directory.File("rate"), {2, 1}, clock);

  CHECK(Ask(limit, PortalId(1)) == 0);
  CHECK(Ask(limit, PortalId(2)) == 0);
  CHECK(Ask(limit, PortalId(1000000)) == 0);
  CHECK(Ask(limit, PortalId(1)) == 500);
  CHECK(Ask(limit, PortalId(2)) == 500);
  CHECK(Ask(limit, PortalId(1000000)) == 500);
}

TEST_CASE("rate limit: a place that would take too long is not taken") {
  const TemporaryDirectory directory;
  const FakeClock clock;
  RateLimit limit(directory.File("rate"), {2, 2}, clock);

  CHECK(Ask(limit, kPortal, milliseconds(0)) == 0);
  CHECK(Ask(limit, kPortal, milliseconds(-1)) == 0);
  for (int i = 0; i < 3; ++i) CHECK(Ask(limit, kPortal, milliseconds(499)) == -1);
  CHECK(Ask(limit, kPortal, milliseconds(500)) == 500);
}

TEST_CASE("rate limit: 10,000 calls of several threads respect the bucket") {
  const TemporaryDirectory directory;
  FakeClock clock;
  const CallRate rate{2, 50};
  // Two of them, as two processes have.
  RateLimit one(directory.File("rate"), rate, clock);
  RateLimit other(directory.File("rate"), rate, clock);
  constexpr int kThreads = 5;
  constexpr int kRounds = 20;
  constexpr int kCalls = 100;
  std::mt19937 random(7);
  std::vector<std::int64_t> sent_at;

  for (int round = 0; round < kRounds; ++round) {
    std::vector<std::vector<std::int64_t>> waits(kThreads);
    std::vector<std::thread> callers;
    for (int i = 0; i < kThreads; ++i) {
      callers.emplace_back([&, i] {
        for (int j = 0; j < kCalls; ++j) {
          const Result<milliseconds> wait = (i % 2 == 0 ? one : other).Take(kPortal, kPatient);
          waits[static_cast<std::size_t>(i)].push_back(wait ? wait->count() : -1);
        }
      });
    }
    for (std::thread& caller : callers) caller.join();
    for (const std::vector<std::int64_t>& of_thread : waits) {
      CHECK(std::is_sorted(of_thread.begin(), of_thread.end()));
      for (const std::int64_t wait : of_thread) {
        REQUIRE(wait >= 0);
        sent_at.push_back(UnixMilliseconds(clock.Now()) + wait);
      }
    }
    // Now faster than it leaks, now slower.
    clock.Advance(milliseconds(random() % 600000));
  }

  CHECK(sent_at.size() == 10000);
  CheckRespected(sent_at, rate);
  // And nothing waits without need: it was never empty for long enough to lose much.
  const auto [first, last] = std::minmax_element(sent_at.begin(), sent_at.end());
  CHECK(*last - *first >= (10000 - 50) * 500);
}

TEST_CASE("rate limit: several processes share it, and no place is given twice") {
  const TemporaryDirectory directory;
  const FakeClock clock;
  constexpr int kProcesses = 4;
  constexpr int kCalls = 250;
  std::vector<pid_t> children;
  for (int i = 0; i < kProcesses; ++i) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      RateLimit limit(directory.File("rate"), {4, 10}, clock);
      std::ofstream waits(directory.File(("waits" + std::to_string(i)).c_str()));
      for (int j = 0; j < kCalls; ++j) {
        const Result<milliseconds> wait = limit.Take(kPortal, kPatient);
        waits << (wait ? wait->count() : -1) << ' ';
      }
      waits.close();
      _exit(0);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
  }

  std::vector<std::int64_t> waits;
  for (int i = 0; i < kProcesses; ++i) {
    std::ifstream file(directory.File(("waits" + std::to_string(i)).c_str()));
    waits.insert(waits.end(), std::istream_iterator<std::int64_t>(file), {});
  }
  std::sort(waits.begin(), waits.end());
  CHECK(waits == ExpectedWaits(kProcesses * kCalls, 10, 250));
}

TEST_CASE("rate limit: a portal that complained is left alone, and has a full bucket after it") {
  const TemporaryDirectory directory;
  FakeClock clock;
  RateLimit limit(directory.File("rate"), {2, 50}, clock);

  REQUIRE(limit.Close(kPortal, clock.Now() + seconds(10)).has_value());
  CHECK(Ask(limit) == 10000);
  CHECK(Ask(limit) == 10500);
  CHECK(Ask(limit, PortalId(2)) == 0);
  // An earlier end takes nothing back.
  REQUIRE(limit.Close(kPortal, clock.Now()).has_value());
  CHECK(Ask(limit) == 11000);
}

TEST_CASE("rate limit: a complaint without a time fills the bucket") {
  const TemporaryDirectory directory;
  FakeClock clock;
  RateLimit limit(directory.File("rate"), {2, 50}, clock);

  REQUIRE(limit.Close(kPortal, clock.Now() - hours(5)).has_value());

  CHECK(Ask(limit) == 500);
}

TEST_CASE("rate limit: no portal closes itself for longer than a day") {
  const TemporaryDirectory directory;
  FakeClock clock;
  RateLimit limit(directory.File("rate"), {2, 50}, clock);

  REQUIRE(limit.Close(kPortal, FromUnixSeconds(32503680000)).has_value());

  clock.Advance(RateLimit::kLongestClosed);
  CHECK(Ask(limit) <= 500);
}

TEST_CASE("rate limit: a clock that was set back neither stops nor frees the calls") {
  const TemporaryDirectory directory;
  FakeClock clock;
  RateLimit limit(directory.File("rate"), {2, 2}, clock);
  for (int i = 0; i < 4; ++i) Ask(limit);

  clock.Advance(-hours(24 * 365));
  CHECK(Ask(limit, kPortal, milliseconds(100)) == -1);
  CHECK(Ask(limit) == 1500);
  clock.Advance(milliseconds(2500));
  CHECK(Ask(limit, kPortal, milliseconds(0)) == 0);
}

TEST_CASE("rate limit: a refusal does not keep a clock that was set back from being noticed") {
  const TemporaryDirectory directory;
  FakeClock clock;
  RateLimit limit(directory.File("rate"), {2, 1}, clock);
  Ask(limit);

  clock.Advance(-hours(1));
  CHECK(Ask(limit, kPortal, milliseconds(0)) == -1);
  clock.Advance(milliseconds(500));

  CHECK(Ask(limit, kPortal, milliseconds(0)) == 0);
}

TEST_CASE("rate limit: garbage in the file is an empty bucket") {
  const TemporaryDirectory directory;
  const FakeClock clock;
  const std::string file = directory.File("rate");
  std::mt19937 random(11);
  for (int i = 0; i < 50; ++i) {
    {
      RateLimit limit(file, {2, 1}, clock);
      CHECK(Ask(limit) == 0);
      CHECK(Ask(limit) == 500);
    }
    std::string bytes(static_cast<std::size_t>(RateLimit::kRecordBytes) * 2, '\0');
    if (i % 2 == 0) {
      std::ifstream(file).read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
      bytes[32 + random() % 32] ^= static_cast<char>(1 << random() % 8);  // one bit of the record
      if (i % 4 == 0) bytes.resize(32 + random() % 32);                   // or half of it
    } else {
      for (char& byte : bytes) byte = static_cast<char>(random());
    }
    std::ofstream(file, std::ios::trunc) << bytes;
  }
}

TEST_CASE("rate limit: a file that was removed or replaced is made anew") {
  const TemporaryDirectory directory;
  const FakeClock clock;
  const std::string file = directory.File("rate");
  RateLimit limit(file, {2, 1}, clock);
  RateLimit other(file, {2, 1}, clock);
  CHECK(Ask(limit) == 0);

  std::filesystem::remove(file);
  CHECK(Ask(limit) == 0);
  CHECK(Ask(other) == 500);
  std::filesystem::rename(file, file + ".old");
  CHECK(Ask(other) == 0);
  CHECK(Ask(limit) == 500);

  struct stat status {};
  REQUIRE(stat(file.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
}

TEST_CASE("rate limit: says kUnavailable where there is no file to use, and works when there is") {
  const TemporaryDirectory directory;
  const FakeClock clock;
  const std::string file = directory.File("sub/rate");
  RateLimit limit(file, {2, 1}, clock);
  const auto unavailable = [&] {
    const Result<milliseconds> wait = limit.Take(kPortal, kPatient);
    const Status closed = limit.Close(kPortal, clock.Now());
    REQUIRE_FALSE(wait.has_value());
    CHECK(wait.error().code == ErrorCode::kUnavailable);
    REQUIRE_FALSE(closed.has_value());
    CHECK(closed.error().code == ErrorCode::kUnavailable);
  };

  unavailable();  // no directory
  std::filesystem::create_directories(file);
  unavailable();  // a directory in its place
  std::filesystem::remove(file);
  REQUIRE(mkfifo(file.c_str(), 0600) == 0);
  unavailable();  // a pipe
  std::filesystem::remove(file);
  std::filesystem::create_symlink("/dev/full", file);
  unavailable();
  std::filesystem::remove(file);

  CHECK(Ask(limit) == 0);
}

TEST_CASE("rate limit: knows no portal that cannot be") {
  const TemporaryDirectory directory;
  const FakeClock clock;
  RateLimit limit(directory.File("rate"), {2, 1}, clock);
  for (const std::int64_t id : {std::int64_t{0}, std::int64_t{-1}, INT64_MAX}) {
    const Result<milliseconds> wait = limit.Take(PortalId(id), kPatient);
    REQUIRE_FALSE(wait.has_value());
    CHECK(wait.error().code == ErrorCode::kInternal);
  }
}

TEST_CASE("rate limit: a rate that makes no sense still lets calls through, slowly") {
  const TemporaryDirectory directory;
  const FakeClock clock;
  RateLimit limit(directory.File("rate"), {0, 0}, clock);

  CHECK(Ask(limit) == 0);
  CHECK(Ask(limit) == 1000000);
}

}  // namespace
}  // namespace imrelay
