#include "spool/files.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "spool/spool_file.h"
#include "tests/fakes/temporary_directory.h"

namespace imrelay {
namespace {

void Write(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::optional<TakenSpool> Taken(const std::string& path) {
  Result<std::optional<TakenSpool>> taken = TakenSpool::Take(path);
  REQUIRE(taken.has_value());
  return *std::move(taken);
}

TEST_CASE("files: names sort by age") {
  const TimePoint first(std::chrono::milliseconds(1'795'656'123'004));
  CHECK(SpoolFileName(first, 71, 1) == "20261126T012203.004Z-71-000001.spool");
  CHECK(SpoolFileName(first, 71, 9) < SpoolFileName(first, 71, 10));
  CHECK(SpoolFileName(first, 71, 9) < SpoolFileName(first + std::chrono::milliseconds(1), 7, 1));
}

TEST_CASE("files: what waits is listed by age and measured; other files are not") {
  const TemporaryDirectory directory;
  const std::string spool = directory.File("a/b");
  CHECK(ListSpool(spool)->empty());
  CHECK(MeasureSpool(spool)->files == 0);
  REQUIRE(MakeSpoolDirectory(spool));
  REQUIRE(MakeSpoolDirectory(spool));
  const TimePoint time(std::chrono::milliseconds(1'795'656'123'004));
  const std::string late = SpoolFileName(time + std::chrono::hours(1), 1, 1);
  const std::string early = SpoolFileName(time, 1, 1);
  Write(spool + '/' + late, "12345");
  Write(spool + '/' + early, "123");
  Write(spool + "/notes.txt", "no spool");

  CHECK(*ListSpool(spool) == std::vector<std::string>{early, late});
  const Result<SpoolUsage> usage = MeasureSpool(spool);
  REQUIRE(usage.has_value());
  CHECK(usage->files == 2);
  CHECK(usage->bytes == 8);
  CHECK(usage->oldest == time);
  CHECK_FALSE(ListSpool("/dev/null").has_value());
}

TEST_CASE("files: one takes a file at a time, and a writer's is left") {
  const TemporaryDirectory directory;
  const std::string path = directory.File("x.spool");
  CHECK_FALSE(Taken(path));
  Write(path, "content");
  {
    std::optional<TakenSpool> taken = Taken(path);
    REQUIRE(taken);
    CHECK_FALSE(Taken(path));
    CHECK(*taken->Read() == "content");
  }
  CHECK(Taken(path)->Remove());
  CHECK(access(path.c_str(), F_OK) != 0);

  Result<std::unique_ptr<SpoolFile>> written = SpoolFile::Begin(directory.File(""), "y.spool");
  REQUIRE(written.has_value());
  REQUIRE((*written)->Add("record"));
  CHECK_FALSE(Taken(directory.File("y.spool")));
  written->reset();
  CHECK(Taken(directory.File("y.spool")));
}

TEST_CASE("files: a writer whose new file was taken by an intake begins another") {
  const TemporaryDirectory directory;
  Write(directory.File("x.spool"), "");
  const auto begun = SpoolFile::Begin(directory.File(""), "x.spool");
  REQUIRE_FALSE(begun.has_value());
  CHECK(begun.error().reason == "taken");
}

TEST_CASE("files: an empty file of a writer goes with it") {
  const TemporaryDirectory directory;
  SpoolFile::Begin(directory.File(""), "x.spool")->reset();
  CHECK(ListSpool(directory.File(""))->empty());
}

TEST_CASE("files: neither links nor pipes nor huge files are read") {
  const TemporaryDirectory directory;
  Write(directory.File("secret"), "secret");
  REQUIRE(symlink("secret", directory.File("link.spool").c_str()) == 0);
  REQUIRE(mkfifo(directory.File("pipe.spool").c_str(), 0600) == 0);
  Write(directory.File("huge.spool"), "");
  REQUIRE(truncate(directory.File("huge.spool").c_str(), off_t{1} << 31) == 0);
  CHECK_FALSE(TakenSpool::Take(directory.File("link.spool")).has_value());
  CHECK_FALSE(TakenSpool::Take(directory.File("pipe.spool")).has_value());
  const Result<std::string> huge = Taken(directory.File("huge.spool"))->Read();
  REQUIRE_FALSE(huge.has_value());
  CHECK(huge.error().code == ErrorCode::kInvalidArgument);
}

TEST_CASE("files: what is damaged is set aside, twice the same") {
  const TemporaryDirectory directory;
  const std::string damaged = directory.File("damaged");
  for (int i = 0; i < 2; ++i) {
    const Result<std::string> path = SetAside(damaged, "/spool/worker/x.spool", 17, "dam\0aged");
    REQUIRE(path.has_value());
    CHECK(*path == damaged + "/x.spool-17.damaged");
    std::ifstream file(*path);
    CHECK(std::string(std::istreambuf_iterator<char>(file), {}) == "dam");
  }
  CHECK_FALSE(SetAside("/dev/null/damaged", "x.spool", 0, "x").has_value());
}

}  // namespace
}  // namespace imrelay
