#include "app/doctor_spool.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "spool/files.h"
#include "tests/app/config_bench.h"

namespace imrelay {
namespace {

struct Bench {
  ConfigBench configured;
  Config config = configured.Loaded("[database]\nurl = \"sqlite:imrelay.db\"\n");
  SpoolDirectories directories{config.spool_directory};

  std::string Found() {
    std::string lines;
    for (const Finding& finding : CheckSpoolOf(config)) lines += finding.found + '\n';
    return lines;
  }
};

TEST_CASE("doctor_spool: a spool that is not made yet is well, and so is an empty one") {
  Bench bench;
  CHECK(bench.Found() == "can be written; 0 files wait\n");
  REQUIRE(MakeSpoolDirectory(bench.directories.worker));
  CHECK(bench.Found() == "can be written; 0 files wait\n");
}

TEST_CASE("doctor_spool: what is wrong on the disk is found") {
  Bench bench;
  REQUIRE(MakeSpoolDirectory(bench.directories.worker));
  std::ofstream(bench.directories.worker + "/20200101T000000.000Z-1-000001.spool") << "x";
  REQUIRE(SetAside(bench.directories.damaged, "x.spool", 1, "piece").has_value());
  REQUIRE(chmod(bench.directories.worker.c_str(), 0755) == 0);
  const std::string found = bench.Found();
  CHECK(Contains(found, "1 file waits, the oldest for "));
  CHECK(Contains(found, "1 damaged piece of a spool file"));
  CHECK(Contains(found, "open to others"));
  bench.config.spool_directory = "/dev/null";
  CHECK(Contains(bench.Found(), "/dev/null is no directory"));
}

}  // namespace
}  // namespace imrelay
