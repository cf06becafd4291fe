#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace imrelay {

// Notices files that others begin in a spool directory. Cheap enough to ask for every event: it is
// one stat(2) while nothing changes there. Not thread-safe.
class SpoolWatch {
 public:
  explicit SpoolWatch(std::string directory);

  // True when there is a file that was not there at the last call, whoever is writing it. What was
  // begun before the call is seen. A directory that cannot be read has none.
  bool HasNew();

 private:
  const std::string directory_;
  std::int64_t settled_ = 0;  // when it had changed, where it was listed well after that
  std::vector<std::string> known_;
};

}  // namespace imrelay
