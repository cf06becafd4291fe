#include "fastcgi/server.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

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
#include "fastcgi/arrival.h"
#include "fastcgi/connection.h"
#include "fastcgi/exchange.h"
#include "fastcgi/in_flight.h"
#include "fastcgi/large_requests.h"
#include "fastcgi/listen_socket.h"
#include "fastcgi/lobby.h"

namespace imrelay {
namespace {

// Interrupts a thread that waits in accept(), and nothing else: it is blocked at all other times.
constexpr int kWakeSignal = SIGUSR2;

constexpr std::chrono::milliseconds kFirstByte{1};

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
  const int fd = accept4(listen_fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  const int error = errno;
  pthread_sigmask(SIG_BLOCK, &wake, nullptr);
  errno = error;
  return fd;
}

void MakeBlocking(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  if (flags >= 0) fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
}

// nginx connects and then writes, so a connection may be there a moment before its request.
Arrival AwaitArrival(int fd) {
  const Arrival arrival = LookAt(fd);
  if (arrival != Arrival::kNothing) return arrival;
  pollfd readable{fd, POLLIN, 0};
  poll(&readable, 1, static_cast<int>(kFirstByte.count()));
  return LookAt(fd);
}

}  // namespace

struct Server::Impl {
  Impl(const ServerOptions& given, Handler handle)
      : options(given),
        handler(std::move(handle)),
        in_flight(std::make_shared<InFlight>(given.max_requests)),
        large(given.io_timeout, given.request_timeout, [this](int fd) { Serve(fd); }),
        lobby(
            {given.io_timeout, given.request_timeout}, [this](int fd) { Serve(fd); },
            [this](int fd) { large.Add(fd); }) {}

  void Run();
  void AcceptFailed(int error, bool& reported);
  void Welcome(int fd);
  void Serve(int fd);

  const ServerOptions options;
  const Handler handler;
  std::atomic<bool> stopping{false};
  std::mutex mutex;
  std::condition_variable changed;  // `stopping` was set, or `finished` grew
  std::size_t finished = 0;         // threads that are about to end
  std::vector<std::thread> threads;
  const std::shared_ptr<InFlight> in_flight;
  LargeRequests large;
  Lobby lobby;
};

void Server::Impl::Run() {
  bool reported = false;
  while (true) {
    in_flight->AwaitRoom();
    if (stopping) break;
    const int fd = AcceptWakeable(options.listen_fd);
    if (fd < 0) {
      AcceptFailed(errno, reported);
      continue;
    }
    reported = false;
    Welcome(fd);
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

// Threads serve only what has arrived whole: they never wait for a peer.
void Server::Impl::Welcome(int fd) {
  switch (AwaitArrival(fd)) {
    case Arrival::kComplete:
      return Serve(fd);
    case Arrival::kLarge:
      return large.Add(fd);
    case Arrival::kNothing:
    case Arrival::kPart:
      return lobby.Enter(fd);
  }
}

void Server::Impl::Serve(int fd) {
  const auto exchange = std::make_shared<Exchange>(fd, in_flight);
  try {
    Request request;
    if (!exchange->Read(options.max_body_bytes, request)) return;
    handler(request, [exchange](const Response& response) { exchange->Answer(response); });
  } catch (const std::exception& error) {
    Log(LogLevel::kError, "request", {{"error", error.what()}});
  }
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
    for (int i = 0; i < options.threads; ++i) impl.threads.emplace_back([&impl] { impl.Run(); });
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
    impl_->in_flight->Stop();
    impl_->changed.notify_all();
    // A signal that comes just before a thread enters accept() is lost on it, hence the repetition.
    while (!impl_->changed.wait_for(lock, std::chrono::milliseconds(5),
                                    [this] { return impl_->finished == impl_->threads.size(); })) {
      for (std::thread& thread : impl_->threads) pthread_kill(thread.native_handle(), kWakeSignal);
    }
  }
  for (std::thread& thread : impl_->threads) thread.join();
  const std::shared_ptr<InFlight> in_flight = impl_->in_flight;
  impl_.reset();  // what is still arriving is served
  in_flight->AwaitNone();
}

Server::~Server() { Drain(); }

}  // namespace imrelay
