#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace imrelay {

// A folder of its own under /tmp, gone at the end. Short, because paths of sockets must be.
class Scratch {
 public:
  Scratch() {
    char pattern[] = "/tmp/imrelay-XXXXXX";
    folder_ = mkdtemp(pattern);
  }
  ~Scratch() { std::filesystem::remove_all(folder_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  std::string path(const std::string& name) const { return folder_ + "/" + name; }

 private:
  std::string folder_;
};

}  // namespace imrelay
