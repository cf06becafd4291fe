#pragma once

#include <functional>
#include <memory>

#include "base/result.h"
#include "web/http.h"

namespace imrelay {

using Handler = std::function<Response(const Request&)>;

struct ServerOptions {
  int listen_fd = 0;  // a listening socket; stays the caller's
  int threads = 32;   // each serves one connection, which is one request, at a time
};

// Serves FastCGI requests on a listening socket with libfcgi, one request a connection.
class Server {
 public:
  // Starts the threads. Call once a process: libfcgi has process-wide state.
  // Errors: kInvalidArgument when listen_fd is no listening socket.
  static Result<std::unique_ptr<Server>> Start(const ServerOptions& options, Handler handler);

  // Stops accepting, finishes every request that was accepted, and returns when all threads have
  // ended. No accepted request goes unanswered. The listening socket stays open and usable for
  // other processes that share it.
  void Drain();

  ~Server();  // drains

 private:
  Server();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace imrelay
