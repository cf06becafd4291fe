#include "fastcgi/connection.h"

#include <fcgiapp.h>

#include <algorithm>
#include <climits>
#include <csignal>
#include <cstring>

namespace imrelay {

bool InitFastCgi() {
  // FCGX_Init puts handlers of its own on these where it finds the default, and its SIGTERM
  // handler would make every read of libfcgi fail. Source: libfcgi 2.4.2, os_unix.c,
  // OS_InstallSignalHandlers.
  struct sigaction terminate {};
  struct sigaction user {};
  sigaction(SIGTERM, nullptr, &terminate);
  sigaction(SIGUSR1, nullptr, &user);
  const bool done = FCGX_Init() == 0;
  sigaction(SIGTERM, &terminate, nullptr);
  sigaction(SIGUSR1, &user, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return done;
}

struct Connection::Impl {
  FCGX_Request request;
};

Connection::Connection(int fd) : impl_(std::make_unique<Impl>()) {
  FCGX_Request& request = impl_->request;
  // FCGX_Accept_r takes a connection of its own only when it has none, so it is given ours through
  // two fields that the header calls private: `keepConnection` keeps the FCGX_Finish_r at its start
  // from closing it. The listening socket -1 makes it fail, not wait, after a broken header.
  // Source: libfcgi 2.4.2 (the struct is the same in 2.4.1 and 2.4.7), fcgiapp.c.
  FCGX_InitRequest(&request, -1, 0);
  request.ipcFd = fd;
  request.keepConnection = 1;
  // A detached connection is closed at once; else libfcgi would first read on until the peer
  // closes, for as long as the peer keeps sending. Source: os_unix.c, OS_Close.
  FCGX_Detach(&request);
}

Connection::~Connection() { FCGX_Free(&impl_->request, 1); }

bool Connection::ReadParameters() {
  // FCGX_Accept_r also succeeds when the peer left between two parameters.
  return FCGX_Accept_r(&impl_->request) == 0 && !broken();
}

std::string Connection::Parameter(const char* name, std::size_t longest) const {
  const char* value = FCGX_GetParam(name, impl_->request.envp);
  return value == nullptr ? std::string() : std::string(value, strnlen(value, longest));
}

std::size_t Connection::Read(char* to, std::size_t size) {
  const int wanted = static_cast<int>(std::min<std::size_t>(size, INT_MAX));
  return static_cast<std::size_t>(FCGX_GetStr(to, wanted, impl_->request.in));
}

bool Connection::broken() const { return FCGX_GetError(impl_->request.in) != 0; }

void Connection::Answer(std::string_view text) {
  FCGX_PutStr(text.data(), static_cast<int>(text.size()), impl_->request.out);
  FCGX_Finish_r(&impl_->request);
}

}  // namespace imrelay
