#include "tests/portal/loopback_server.h"

#include <httplib.h>
#include <sys/socket.h>

#include <chrono>
#include <utility>

namespace imrelay {
namespace {

constexpr std::size_t kThreads = 128;

}  // namespace

LoopbackServer::LoopbackServer() : LoopbackServer(std::make_unique<httplib::Server>()) {}

LoopbackServer::LoopbackServer(std::unique_ptr<httplib::Server> server)
    : server_(std::move(server)) {
  // cpp-httplib's own default is SO_REUSEPORT, which lets two servers share one port unnoticed.
  server_->set_socket_options([](socket_t socket) {
    const int on = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  });
  server_->set_tcp_nodelay(true);
  // A kept connection, and an answer that is slow on purpose, holds a thread.
  server_->new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
  server_->set_keep_alive_max_count(1000);
  server_->set_keep_alive_timeout(1);  // seconds; stopping waits for it
}

LoopbackServer::~LoopbackServer() { Stop(); }

bool LoopbackServer::Start(int port) {
  if (port == 0) {
    port_ = server_->bind_to_any_port("127.0.0.1");
    if (port_ <= 0) return false;
  } else {
    if (!server_->bind_to_port("127.0.0.1", port)) return false;
    port_ = port;
  }
  thread_ = std::thread([this] { server_->listen_after_bind(); });
  // stop() before the loop runs would be lost, and cpp-httplib offers nothing to wait for.
  while (!server_->is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return true;
}

void LoopbackServer::Stop() {
  if (!thread_.joinable()) return;
  server_->stop();
  thread_.join();
}

}  // namespace imrelay
