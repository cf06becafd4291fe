#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

#include "base/result.h"
#include "web/http.h"

namespace imrelay {

// Answers one request, at once or later. Called from many threads at once, so it must not wait for
// long. When it throws, and its Reply was not called and is gone, the answer is a 503.
using Handler = std::function<void(const Request&, Reply)>;

struct ServerOptions {
  int listen_fd = 0;  // a listening socket; stays the caller's
  int threads = 8;    // that accept, read and hand on
  // How many may be under way, that is, not answered yet. What is beyond waits in the backlog.
  int max_requests = 256;
  std::size_t max_body_bytes = 1 << 20;
  // How long a peer may be silent, and how long it may take for its whole request. nginx sends a
  // request at once; these keep others who reach the socket from holding threads for ever.
  std::chrono::milliseconds io_timeout = std::chrono::seconds(5);
  std::chrono::milliseconds request_timeout = std::chrono::seconds(15);
};

// Serves FastCGI requests on a listening socket with libfcgi, one request a connection.
class Server {
 public:
  // Starts the threads. They have all signals blocked, but for SIGUSR2, whose handler is the
  // server's; the caller's own mask stays as it was. SIGPIPE is ignored from then on.
  // Errors: kInvalidArgument when listen_fd is no listening socket, kUnavailable when the system
  // gives no threads.
  static Result<std::unique_ptr<Server>> Start(const ServerOptions& options, Handler handler);

  // Stops accepting, finishes every request that was accepted, and returns when all threads have
  // ended. No accepted request goes unanswered. The listening socket stays open and usable for
  // other processes that share it. Repeating it does nothing.
  void Drain();

  ~Server();  // drains

 private:
  Server();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace imrelay
