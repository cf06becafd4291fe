#pragma once

#include <chrono>
#include <map>
#include <string>

namespace imrelay {

// The spool files that are put off for ten seconds, by path: they cannot be read, or something in
// them waits for a proof. Not thread-safe.
class DeferredFiles {
 public:
  // `may_prove`: an installation may be in it.
  void Add(const std::string& path, bool may_prove = false);
  bool Contains(const std::string& path) const;
  // Whether an installation may be in one of them.
  bool MayProve() const;

 private:
  struct Deferral {
    std::chrono::steady_clock::time_point until;
    bool may_prove = false;
  };

  std::map<std::string, Deferral> files_;
};

}  // namespace imrelay
