#include "app/fastcgi_process.h"

#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "fastcgi/listen_socket.h"

namespace imrelay {

void ForbidCoreFiles() {
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  // With a core_pattern that pipes, only this helps.
#ifndef IMRELAY_SANITIZED
  // The leak checker has to look into the process at its end.
  prctl(PR_SET_DUMPABLE, 0);
#endif
}

void RaiseDescriptorLimit() {
  rlimit descriptors{};
  if (getrlimit(RLIMIT_NOFILE, &descriptors) != 0) return;
  descriptors.rlim_cur = descriptors.rlim_max;
  setrlimit(RLIMIT_NOFILE, &descriptors);
}

sigset_t BlockStopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGUSR1);  // multiwatch's way to stop its children, unless told otherwise
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

Result<int> ListenSocket(const std::string& listen) {
  Result<int> socket = listen.empty() ? InheritedListenSocket() : OpenListenSocket(listen);
  if (socket || socket.error().code != ErrorCode::kInvalidArgument) return socket;
  return Fail(ErrorCode::kInvalidArgument, socket.error().message, kUsageReason);
}

}  // namespace imrelay
