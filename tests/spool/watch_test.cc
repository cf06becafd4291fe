#include "spool/watch.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ctime>
#include <fstream>
#include <string>

#include "tests/fakes/temporary_directory.h"

namespace imrelay {
namespace {

void Touch(const std::string& path) { std::ofstream(path) << "x"; }

// As if the directory had last changed then.
void Date(const std::string& directory, std::time_t time) {
  const timespec both[2] = {{time, 0}, {time, 0}};
  REQUIRE(utimensat(AT_FDCWD, directory.c_str(), both, 0) == 0);
}

TEST_CASE("watch: a file is new once, and one that goes is none") {
  const TemporaryDirectory home;
  const std::string directory = home.File("spool");
  SpoolWatch watch(directory);
  CHECK_FALSE(watch.HasNew());
  REQUIRE(mkdir(directory.c_str(), 0700) == 0);
  CHECK_FALSE(watch.HasNew());
  Touch(directory + "/1.spool");
  CHECK(watch.HasNew());
  CHECK_FALSE(watch.HasNew());
  Touch(directory + "/2.spool");
  REQUIRE(unlink((directory + "/1.spool").c_str()) == 0);
  CHECK(watch.HasNew());
  REQUIRE(unlink((directory + "/2.spool").c_str()) == 0);
  Touch(directory + "/notes.txt");
  CHECK_FALSE(watch.HasNew());
}

TEST_CASE("watch: a file that changes no time is seen too, and old times are looked at once") {
  const TemporaryDirectory home;
  const std::string directory = home.File("spool");
  REQUIRE(mkdir(directory.c_str(), 0700) == 0);
  SpoolWatch watch(directory);
  const std::time_t now = std::time(nullptr);
  for (const std::time_t time : {now, now + 3600}) {
    Date(directory, time);
    CHECK_FALSE(watch.HasNew());
    const std::string path = directory + '/' + std::to_string(time) + ".spool";
    Touch(path);
    Date(directory, time);
    CHECK(watch.HasNew());
  }
  Date(directory, now - 3600);
  CHECK_FALSE(watch.HasNew());
  Touch(directory + "/late.spool");
  Date(directory, now - 3600);
  CHECK_FALSE(watch.HasNew());  // nothing was listed
  Date(directory, now - 3599);
  CHECK(watch.HasNew());
}

}  // namespace
}  // namespace imrelay
