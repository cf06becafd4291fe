#include "fastcgi/server.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <exception>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "base/log.h"
#include "fastcgi/connection.h"
#include "fastcgi/deadlines.h"
#include "fastcgi/exchange.h"
#include "fastcgi/listen_socket.h"

namespace imrelay {
namespace {

// Interrupts a thread that waits in accept(), and nothing else: it is blocked at all other times.
constexpr int kWakeSignal = SIGUSR2;

// Without SA_RESTART, so that accept() returns.
void InstallWakeHandler() {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  sigemptyset(&action.sa_mask);
  sigaction(kWakeSignal, &action, nullptr);
}

// Blocks every signal of the calling thread while it lives; threads started meanwhile inherit that.
class BlockedSignals {
 public:
  BlockedSignals() {
    sigset_t all;
    sigfillset(&all);
    // Faults of the program itself must end it where they happen.
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) sigdelset(&all, fault);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~BlockedSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;

 private:
  sigset_t before_;
};

int AcceptWakeable(int listen_fd) {
  sigset_t wake;
  sigemptyset(&wake);
  sigaddset(&wake, kWakeSignal);
  pthread_sigmask(SIG_UNBLOCK, &wake, nullptr);
  const int fd = accept4(listen_fd, nullptr, nullptr, SOCK_CLOEXEC);
  const int error = errno;
  pthread_sigmask(SIG_BLOCK, &wake, nullptr);
  errno = error;
  return fd;
}

void MakeBlocking(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  if (flags >= 0) fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
}

void SetTimeouts(int fd, std::chrono::milliseconds timeout) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(timeout);
  timeval value{};
  value.tv_sec = seconds.count();
  value.tv_usec = std::chrono::microseconds(timeout - seconds).count();
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &value, sizeof value);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &value, sizeof value);
}

Response InternalError() {
  Response response;
  response.status = 500;
  response.body = R"({"error":"internal","message":"The request could not be handled."})";
  return response;
}

}  // namespace

struct Server::Impl {
  Impl(const ServerOptions& given, Handler handle)
      : options(given),
        handler(std::move(handle)),
        deadlines(given.threads, given.request_timeout) {}

  void Run(int slot);
  void AcceptFailed(int error, bool& reported);
  void Serve(int slot, int fd);

  const ServerOptions options;
  const Handler handler;
  Deadlines deadlines;
  std::atomic<bool> stopping{false};
  std::mutex mutex;
  std::condition_variable changed;  // `stopping` was set, or `finished` grew
  std::size_t finished = 0;         // threads that are about to end
  std::vector<std::thread> threads;
};

void Server::Impl::Run(int slot) {
  bool reported = false;
  while (!stopping) {
    const int fd = AcceptWakeable(options.listen_fd);
    if (fd < 0) {
      AcceptFailed(errno, reported);
      continue;
    }
    reported = false;
    Serve(slot, fd);
  }
  const std::lock_guard lock(mutex);
  ++finished;
  changed.notify_all();
}

void Server::Impl::AcceptFailed(int error, bool& reported) {
  if (error == EINTR || error == ECONNABORTED) return;
  if (error == EAGAIN) {
    // Another process that shares the socket has made it non-blocking, for all.
    MakeBlocking(options.listen_fd);
    return;
  }
  // Out of descriptors or memory: that passes.
  if (!reported) Log(LogLevel::kError, "accept", {{"error", std::strerror(error)}});
  reported = true;
  std::unique_lock lock(mutex);
  changed.wait_for(lock, std::chrono::milliseconds(50), [this] { return stopping.load(); });
}

void Server::Impl::Serve(int slot, int fd) {
  SetTimeouts(fd, options.io_timeout);
  Deadlines::Watch deadline(deadlines, slot, fd);
  Connection connection(fd);
  if (!connection.ReadParameters()) return;

  Request request;
  Response response;
  try {
    request = ReadRequest(connection, options.max_body_bytes);
    deadline.Met();
    response = handler(request);
  } catch (const std::exception& error) {
    Log(LogLevel::kError, "request", {{"error", error.what()}});
    response = InternalError();
  }
  connection.Answer(FormatResponse(response, request.method == "HEAD"));
}

Server::Server() = default;

Result<std::unique_ptr<Server>> Server::Start(const ServerOptions& options, Handler handler) {
  if (!IsListening(options.listen_fd)) {
    return Fail(ErrorCode::kInvalidArgument,
                "descriptor " + std::to_string(options.listen_fd) + " is no listening socket");
  }
  if (!InitFastCgi()) return Fail(ErrorCode::kInternal, "libfcgi cannot be set up");
  MakeBlocking(options.listen_fd);
  InstallWakeHandler();

  std::unique_ptr<Server> server(new Server);
  const BlockedSignals blocked;
  try {
    server->impl_ = std::make_unique<Impl>(options, std::move(handler));
    Impl& impl = *server->impl_;
    for (int slot = 0; slot < options.threads; ++slot) {
      impl.threads.emplace_back([&impl, slot] { impl.Run(slot); });
    }
  } catch (const std::system_error& error) {
    return Fail(ErrorCode::kUnavailable,
                "cannot start " + std::to_string(options.threads) + " threads: " + error.what());
  }
  return server;
}

void Server::Drain() {
  if (!impl_) return;
  {
    std::unique_lock lock(impl_->mutex);
    impl_->stopping = true;
    impl_->changed.notify_all();
    // A signal that comes just before a thread enters accept() is lost on it, hence the repetition.
    while (!impl_->changed.wait_for(lock, std::chrono::milliseconds(5),
                                    [this] { return impl_->finished == impl_->threads.size(); })) {
      for (std::thread& thread : impl_->threads) pthread_kill(thread.native_handle(), kWakeSignal);
    }
  }
  for (std::thread& thread : impl_->threads) thread.join();
  impl_.reset();
}

Server::~Server() { Drain(); }

}  // namespace imrelay
