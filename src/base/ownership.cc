#include "base/ownership.h"

#include <sys/stat.h>
#include <unistd.h>

namespace imrelay {

void GiveToOwnerOfFolder(int fd, const std::string& path) {
  if (geteuid() != 0) return;
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  struct stat owner {};
  if (stat(folder.c_str(), &owner) != 0) return;
  // Kept as root's when it cannot be given away; whoever opens it will be told.
  if (fchown(fd, owner.st_uid, owner.st_gid) != 0) return;
}

}  // namespace imrelay
