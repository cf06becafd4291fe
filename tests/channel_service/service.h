#pragma once

#include <memory>
#include <string>

namespace imrelay::channel_service {

// A small service of a channel on the loopback, with its controls. README.md tells what it does.
class Service {
 public:
  struct Options {
    int port = 0;        // 0: a free one
    std::string secret;  // "whsec_…"; empty: signatures are not looked at
    unsigned seed = 1;   // of faults that come by chance
  };

  // Serves from now on; null when the port is taken. The destructor stops it.
  static std::unique_ptr<Service> Start(const Options& options);
  ~Service();

  std::string Url() const;  // "http://127.0.0.1:PORT"

 private:
  class Impl;
  explicit Service(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace imrelay::channel_service
