#include "app/worker.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <memory>
#include <set>
#include <utility>

#include "app/proof_loop.h"
#include "app/service.h"
#include "base/log.h"
#include "bitrix24/authorization_server.h"
#include "bitrix24/portal_calls.h"
#include "bitrix24/rate_limit.h"
#include "fastcgi/listen_socket.h"
#include "fastcgi/server.h"
#include "http/client.h"
#include "install/portal_api.h"
#include "install/registrar.h"
#include "install/tokens.h"
#include "install/visits.h"
#include "web/pages.h"
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

std::set<std::string> NamesIn(const Config& config) {
  std::set<std::string> names;
  for (const auto& [name, application] : config.applications) {
    if (!name.empty()) names.insert(name);
  }
  return names;
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
  const std::unique_ptr<HttpClient> http =
      MakeCurlClient({config.allow_insecure_loopback, config.private_portals});
  AuthorizationServer authorization_server(*http, config.authorization_servers);
  PortalCalls portal_calls(*http, clock);
  Ingest ingest(*service->store, service->keyring, clock);
  Prover prover(*service->store, service->keyring, authorization_server, portal_calls,
                *applications, clock);
  Tokens tokens(*service->store, service->keyring, authorization_server, *applications,
                config.database_path + "-tokens", clock);
  RateLimit rate_limit(config.database_path + "-rate", {config.calls_per_second, config.call_burst},
                       clock);
  PortalApi api(tokens, portal_calls, rate_limit, *service->store, clock);
  Registrar registrar(
      api, *service->store,
      {config.connector_id, config.connector_name, config.connector_icon, config.public_url},
      config.database_path + "-registrations", clock);
  Visits visits(*service->store, *service->store, service->keyring, portal_calls, clock);
  Pages pages(visits, registrar, api, *service->store, *service->store);
  Routes routes({ingest, *service->store, *service->store, NamesIn(config),
                 [&pages](PageKind kind, const std::string& application, const Request& request,
                          Tree body, Reply reply) {
                   pages.Handle(kind, application, request, std::move(body), std::move(reply));
                 }});
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
  pages.Stop();
  (*server)->Drain();
  Log(LogLevel::kInfo, "worker ended", {{"pid", std::to_string(getpid())}});
  return {};
}

}  // namespace imrelay
