#include "base/file_lock.h"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/fakes/temporary_directory.h"

namespace imrelay {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

bool IsFree(const std::string& path, std::int64_t slot = 0) {
  const Result<std::optional<FileLock>> taken = FileLock::Try(path, slot);
  REQUIRE(taken.has_value());
  return taken->has_value();
}

FileLock Taken(const std::string& path, std::int64_t slot = 0) {
  Result<std::optional<FileLock>> taken = FileLock::Try(path, slot);
  REQUIRE(taken.has_value());
  REQUIRE(taken->has_value());
  return **std::move(taken);
}

TEST_CASE("file_lock: one holds a slot at a time, and its end frees it; others are others'") {
  TemporaryDirectory directory;
  const std::string path = directory.File("lock");
  {
    const FileLock first = Taken(path, 7);
    CHECK_FALSE(IsFree(path, 7));
    CHECK(IsFree(path, 8));
    CHECK(IsFree(path, std::int64_t{1} << 40));
    // Looking at it has not let go of it, as locks of a process would.
    CHECK_FALSE(IsFree(path, 7));
  }
  CHECK(IsFree(path, 7));
}

TEST_CASE("file_lock: it moves with its owner") {
  TemporaryDirectory directory;
  const std::string path = directory.File("lock");
  std::optional<FileLock> first = Taken(path, 1);
  FileLock second = Taken(path, 2);

  second = *std::move(first);
  first.reset();

  CHECK_FALSE(IsFree(path, 1));
  CHECK(IsFree(path, 2));
}

TEST_CASE("file_lock: the file is its owner's alone and stays") {
  TemporaryDirectory directory;
  const std::string path = directory.File("lock");
  { const FileLock lock = Taken(path); }

  struct stat facts {};
  REQUIRE(stat(path.c_str(), &facts) == 0);
  CHECK((facts.st_mode & 0777) == 0600);
}

TEST_CASE("file_lock: a file that cannot be made is an error that names it") {
  TemporaryDirectory directory;

  const Result<std::optional<FileLock>> lock = FileLock::Try(directory.File("none") + "/lock", 0);

  REQUIRE_FALSE(lock.has_value());
  CHECK(lock.error().code == ErrorCode::kUnavailable);
  CHECK(lock.error().message.find("none/lock") != std::string::npos);
}

TEST_CASE("file_lock: who waits gets it when it is freed, and gives up when it is not") {
  TemporaryDirectory directory;
  const std::string path = directory.File("lock");
  std::optional<FileLock> held = Taken(path);

  const Result<FileLock> late = FileLock::Wait(path, 0, milliseconds(10));
  REQUIRE_FALSE(late.has_value());
  CHECK(late.error().code == ErrorCode::kUnavailable);
  CHECK(late.error().reason == "locked");

  std::thread waiting([&] { CHECK(FileLock::Wait(path, 0, seconds(60)).has_value()); });
  held.reset();
  waiting.join();
}

TEST_CASE("file_lock: threads of one process exclude each other") {
  TemporaryDirectory directory;
  const std::string path = directory.File("lock");
  std::atomic<int> inside = 0;
  std::atomic<int> worst = 0;
  std::atomic<int> done = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 10; ++round) {
        const Result<FileLock> lock = FileLock::Wait(path, 3, seconds(60));
        if (!lock) continue;
        worst = std::max(worst.load(), ++inside);
        std::this_thread::yield();
        --inside;
        ++done;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();

  CHECK(worst == 1);
  CHECK(done == 80);
}

// A child process that does `act` and then ends, or waits to be killed.
template <class Act>
pid_t Fork(Act act) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) _exit(act() ? 0 : 1);
  return child;
}

int ExitOf(pid_t child) {
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

TEST_CASE("file_lock: a process forked by the holder neither has it nor ends it") {
  TemporaryDirectory directory;
  const std::string path = directory.File("lock");
  std::optional<FileLock> held = Taken(path);

  const pid_t child = Fork([&] {
    const Result<std::optional<FileLock>> taken = FileLock::Try(path, 0);
    const bool excluded = taken && !taken->has_value();
    held.reset();  // its copy
    return excluded;
  });

  CHECK(ExitOf(child) == 0);
  CHECK_FALSE(IsFree(path));
}

TEST_CASE("file_lock: what the holder lets go is free although a process forked by it lives on") {
  TemporaryDirectory directory;
  const std::string path = directory.File("lock");
  std::optional<FileLock> held = Taken(path);
  const pid_t child = Fork([] {
    pause();
    return true;
  });

  held.reset();

  CHECK(IsFree(path));
  kill(child, SIGKILL);
  CHECK(ExitOf(child) == 128 + SIGKILL);
}

TEST_CASE("file_lock: a killed process lets go") {
  TemporaryDirectory directory;
  const std::string path = directory.File("lock");
  int ready[2];
  REQUIRE(pipe(ready) == 0);
  const pid_t child = Fork([&] {
    const Result<std::optional<FileLock>> taken = FileLock::Try(path, 0);
    if (!taken || !taken->has_value() || write(ready[1], "x", 1) != 1) return false;
    pause();
    return true;
  });
  char byte = 0;
  REQUIRE(read(ready[0], &byte, 1) == 1);
  CHECK_FALSE(IsFree(path));

  kill(child, SIGKILL);

  CHECK(ExitOf(child) == 128 + SIGKILL);
  CHECK(IsFree(path));
  close(ready[0]);
  close(ready[1]);
}

}  // namespace
}  // namespace imrelay
