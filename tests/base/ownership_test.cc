#include "base/ownership.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

namespace imrelay {
namespace {

TEST_CASE("ownership: what root makes belongs to the owner of its folder, others' stays theirs") {
  std::string folder = "/tmp/imrelay-ownership.XXXXXX";
  REQUIRE(mkdtemp(folder.data()) != nullptr);
  const std::string path = folder + "/file";
  const bool root = geteuid() == 0;
  if (root) REQUIRE(chown(folder.c_str(), 12345, 23456) == 0);
  const int fd = open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  REQUIRE(fd >= 0);

  GiveToOwnerOfFolder(fd, path);

  struct stat made {};
  REQUIRE(fstat(fd, &made) == 0);
  CHECK(made.st_uid == (root ? 12345 : geteuid()));
  CHECK(made.st_gid == (root ? 23456 : getegid()));
  close(fd);
  unlink(path.c_str());
  rmdir(folder.c_str());
}

}  // namespace
}  // namespace imrelay
