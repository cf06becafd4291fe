#include "fastcgi/listen_socket.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace imrelay {
namespace {

// What is not accepted yet waits here while the worker restarts; the kernel takes at most
// net.core.somaxconn, 4096 on Debian.
constexpr int kBacklog = 4096;

constexpr std::string_view kForms = "; it takes unix:PATH or HOST:PORT, as in 127.0.0.1:9000";

tl::unexpected<Error> FailListen(ErrorCode code, const std::string& where, std::string_view why) {
  return Fail(code, "--listen " + where + ": " + std::string(why));
}

tl::unexpected<Error> FailSystem(const std::string& where, std::string_view call, int error) {
  const ErrorCode code = error == EADDRINUSE ? ErrorCode::kConflict : ErrorCode::kUnavailable;
  return FailListen(code, where, std::string(call) + ": " + std::strerror(error));
}

std::optional<long> Number(const char* text) {
  if (text == nullptr) return std::nullopt;
  long number = 0;
  const char* end = text + std::strlen(text);
  const auto parsed = std::from_chars(text, end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return number;
}

// Closes what was opened, unless it is released.
class OpenSocket {
 public:
  explicit OpenSocket(int fd) : fd_(fd) {}
  ~OpenSocket() {
    if (fd_ >= 0) close(fd_);
  }
  OpenSocket(const OpenSocket&) = delete;
  OpenSocket& operator=(const OpenSocket&) = delete;

  int get() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

// Makes way for a socket at the address's path, if what is there is a socket without a listener.
Status RemoveStale(const std::string& where, const sockaddr_un& address) {
  struct stat found {};
  if (lstat(address.sun_path, &found) != 0) {
    if (errno == ENOENT) return {};
    return FailSystem(where, "look at the path", errno);
  }
  if (!S_ISSOCK(found.st_mode)) {
    return FailListen(ErrorCode::kConflict, where, "there is a file that is no socket; remove it");
  }
  const OpenSocket probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // EAGAIN is a listener with a full backlog.
  if (connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
      errno == EAGAIN) {
    return FailListen(ErrorCode::kConflict, where, "another process listens there; stop it first");
  }
  if (errno != ECONNREFUSED) return FailSystem(where, "connect", errno);
  if (unlink(address.sun_path) != 0) return FailSystem(where, "remove the stale socket", errno);
  return {};
}

Result<int> OpenUnix(const std::string& where, const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return FailListen(
        ErrorCode::kInvalidArgument, where,
        "the path must have 1 to " + std::to_string(sizeof address.sun_path - 1) + " bytes");
  }
  path.copy(address.sun_path, path.size());
  if (Status removed = RemoveStale(where, address); !removed) return Fail(removed.error());

  OpenSocket opened(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (opened.get() < 0) return FailSystem(where, "socket", errno);
  if (bind(opened.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return FailSystem(where, "bind", errno);
  }
  // Nobody can connect before listen(), so the umask's mode does no harm.
  if (chmod(path.c_str(), 0660) != 0) return FailSystem(where, "chmod", errno);
  if (listen(opened.get(), kBacklog) != 0) return FailSystem(where, "listen", errno);
  return opened.Release();
}

Result<int> OpenTcp(const std::string& where, std::string host, const std::string& port) {
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  const std::optional<long> number = Number(port.c_str());
  if (host.empty() || !number || *number < 0 || *number > 65535) {
    return FailListen(
        ErrorCode::kInvalidArgument, where,
        "the host is empty or the port is no number up to 65535" + std::string(kForms));
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* raw = nullptr;
  const int failed = getaddrinfo(host.c_str(), port.c_str(), &hints, &raw);
  if (failed != 0) return FailListen(ErrorCode::kInvalidArgument, where, gai_strerror(failed));
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> found(raw, &freeaddrinfo);

  OpenSocket opened(socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (opened.get() < 0) return FailSystem(where, "socket", errno);
  const int on = 1;
  setsockopt(opened.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(opened.get(), found->ai_addr, found->ai_addrlen) != 0) {
    return FailSystem(where, "bind", errno);
  }
  if (listen(opened.get(), kBacklog) != 0) return FailSystem(where, "listen", errno);
  return opened.Release();
}

}  // namespace

bool IsListening(int fd) {
  int listening = 0;
  socklen_t size = sizeof listening;
  return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening != 0;
}

Result<int> InheritedListenSocket() {
  constexpr int kFirstPassed = 3;  // SD_LISTEN_FDS_START
  if (IsListening(STDIN_FILENO)) return STDIN_FILENO;
  const std::optional<long> count = Number(std::getenv("LISTEN_FDS"));
  const char* pid = std::getenv("LISTEN_PID");
  const bool ours = pid == nullptr || Number(pid) == getpid();
  if (count && *count >= 1 && ours && IsListening(kFirstPassed)) return kFirstPassed;
  return Fail(ErrorCode::kInvalidArgument,
              "no listening socket was inherited as descriptor 0 or 3; start this under spawn-fcgi "
              "or systemd, or name one with --listen");
}

Result<int> OpenListenSocket(const std::string& where) {
  constexpr std::string_view kUnix = "unix:";
  if (where.starts_with(kUnix)) return OpenUnix(where, where.substr(kUnix.size()));
  const std::size_t colon = where.rfind(':');
  if (colon == std::string::npos) {
    return FailListen(ErrorCode::kInvalidArgument, where, "no address" + std::string(kForms));
  }
  return OpenTcp(where, where.substr(0, colon), where.substr(colon + 1));
}

}  // namespace imrelay
