#include "app/worker.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <memory>
#include <utility>

#include "app/proof_loop.h"
#include "app/service.h"
#include "base/log.h"
#include "bitrix24/authorization_server.h"
#include "bitrix24/portal_calls.h"
#include "fastcgi/listen_socket.h"
#include "fastcgi/server.h"
#include "http/client.h"
#include "web/routes.h"

namespace imrelay {
namespace {

// A core file would hold tokens and message texts. With a core_pattern that pipes, only the
// second call helps.
void ForbidCoreFiles() {
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
#ifndef IMRELAY_SANITIZED
  // The leak checker has to look into the process at its end.
  prctl(PR_SET_DUMPABLE, 0);
#endif
}

// As many descriptors as are allowed: a peer that stalls keeps one, and Debian's soft limit of
// 1,024 would be used up before the server turns such peers out.
void RaiseDescriptorLimit() {
  rlimit descriptors{};
  if (getrlimit(RLIMIT_NOFILE, &descriptors) != 0) return;
  descriptors.rlim_cur = descriptors.rlim_max;
  setrlimit(RLIMIT_NOFILE, &descriptors);
}

sigset_t StopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGUSR1);  // multiwatch's way to stop its children, unless told otherwise
  return signals;
}

Result<int> ListenSocket(const std::string& listen) {
  Result<int> socket = listen.empty() ? InheritedListenSocket() : OpenListenSocket(listen);
  if (socket || socket.error().code != ErrorCode::kInvalidArgument) return socket;
  return Fail(ErrorCode::kInvalidArgument, socket.error().message, kUsageReason);
}

// The names of the applications that are configured, for the log.
std::string Names(const Applications& applications) {
  std::string names;
  for (const auto& [name, credentials] : applications) {
    if (credentials.client_id.empty()) continue;
    if (!names.empty()) names += ' ';
    names += name.empty() ? "default" : name;
  }
  return names.empty() ? "none configured" : names;
}

}  // namespace

Status RunWorker(const Config& config, const std::string& listen) {
  ForbidCoreFiles();
  RaiseDescriptorLimit();
  // Blocked before any thread exists, so that only the wait below takes them.
  const sigset_t stop_signals = StopSignals();
  pthread_sigmask(SIG_BLOCK, &stop_signals, nullptr);

  Result<int> socket = ListenSocket(listen);
  if (!socket) return Fail(std::move(socket).error());
  Result<Service> service = OpenService(config);
  if (!service) return Fail(std::move(service).error());
  Result<Applications> applications = OpenApplications(config, service->keyring);
  if (!applications) return Fail(std::move(applications).error());

  const SystemClock clock;
  const std::unique_ptr<HttpClient> http = MakeCurlClient({config.allow_insecure_loopback});
  AuthorizationServer authorization_server(*http, config.authorization_servers);
  PortalCalls portal_calls(*http, clock);
  Ingest ingest(*service->store, service->keyring, clock);
  Prover prover(*service->store, service->keyring, authorization_server, portal_calls,
                applications->at(""), clock);
  Routes routes(ingest, *service->store);
  ProofLoop proof_loop(*service->store, ingest, prover, config.database_path + "-proofs");

  ServerOptions options;
  options.listen_fd = *socket;
  options.threads = config.worker_threads;
  Result<std::unique_ptr<Server>> server = Server::Start(
      options,
      [&routes](const Request& request, Reply reply) { routes.Handle(request, std::move(reply)); });
  if (!server) return Fail(std::move(server).error());
  Log(LogLevel::kInfo, "worker started",
      {{"pid", std::to_string(getpid())},
       {"threads", std::to_string(options.threads)},
       {"database", config.database_path},
       {"applications", Names(*applications)}});

  int signal = 0;
  sigwait(&stop_signals, &signal);
  Log(LogLevel::kInfo, "worker draining", {{"pid", std::to_string(getpid())}});
  proof_loop.Stop();
  (*server)->Drain();
  Log(LogLevel::kInfo, "worker ended", {{"pid", std::to_string(getpid())}});
  return {};
}

}  // namespace imrelay
