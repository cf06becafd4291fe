#pragma once

#include <memory>
#include <string>
#include <thread>

namespace httplib {
class Server;
}  // namespace httplib

namespace imrelay {

// A cpp-httplib server on 127.0.0.1, in a thread of its own. Set its handlers, then Start().
class LoopbackServer {
 public:
  LoopbackServer();
  explicit LoopbackServer(std::unique_ptr<httplib::Server> server);  // one with TLS
  ~LoopbackServer();                                                 // stops it
  LoopbackServer(const LoopbackServer&) = delete;
  LoopbackServer& operator=(const LoopbackServer&) = delete;

  httplib::Server& server() { return *server_; }

  // Listens on `port`, or on a free one when it is 0. False when that port is taken.
  bool Start(int port = 0);
  void Stop();

  int port() const { return port_; }
  std::string Url() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  std::unique_ptr<httplib::Server> server_;
  std::thread thread_;
  int port_ = 0;
};

}  // namespace imrelay
