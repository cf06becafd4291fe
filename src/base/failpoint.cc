#include "base/failpoint.h"

#ifdef IMRELAY_FAILPOINTS

#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

namespace imrelay {

void Failpoint(const char* name) {
  static const char* const file = std::getenv("IMRELAY_FAILPOINT");
  if (file == nullptr) return;
  std::string wanted;
  std::ifstream(file) >> wanted;
  if (wanted == name && unlink(file) == 0) raise(SIGKILL);
}

}  // namespace imrelay

#endif
