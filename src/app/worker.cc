#include "app/worker.h"

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "app/background_loop.h"
#include "app/bitrix24_side.h"
#include "app/channel_side.h"
#include "app/channels.h"
#include "app/delivery_side.h"
#include "app/fastcgi_process.h"
#include "app/install_side.h"
#include "app/probe_proof.h"
#include "app/recovery_side.h"
#include "app/retention.h"
#include "app/service.h"
#include "app/spool_side.h"
#include "base/log.h"
#include "fastcgi/server.h"
#include "ingest/ingest.h"
#include "spool/files.h"
#include "spool/watch.h"
#include "web/metrics.h"
#include "web/routes.h"

namespace imrelay {
namespace {

constexpr std::chrono::milliseconds kRetentionPause{100};
constexpr std::chrono::milliseconds kClockPause{10000};

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

void AddFileSizes(const std::string& database, std::vector<Level>& levels) {
  for (const auto& [name, file] : {std::pair{"imrelay_database_bytes", database},
                                   std::pair{"imrelay_wal_bytes", database + "-wal"}}) {
    std::error_code error;
    const std::uintmax_t bytes = std::filesystem::file_size(file, error);
    if (!error) levels.push_back({name, {}, static_cast<double>(bytes)});
  }
}

// What /metrics tells besides what is counted.
Result<std::vector<Level>> LevelsOf(const Config& config, SqliteStore& store,
                                    const std::vector<ChannelAddress>& addresses, TimePoint now) {
  Result<std::vector<Level>> levels = FindLevels({store, store, store}, addresses, now);
  if (levels) AddFileSizes(config.database_path, *levels);
  if (levels) AddSpoolLevels(config.spool_directory, now, *levels);
  return levels;
}

void LogStart(const Config& config, const Applications& applications, int threads) {
  Log(LogLevel::kInfo, "worker started",
      {{"pid", std::to_string(getpid())},
       {"threads", std::to_string(threads)},
       {"database", config.database_path},
       {"applications", Names(applications)}});
}

// Everything a worker does between its start and its stop signal.
Status Serve(const Config& config, int socket, const sigset_t& stop_signals, Service& service,
             Bitrix24Side& bitrix24, ChannelSide& channel, const Clock& clock) {
  SqliteStore& store = *service.store;
  const Result<std::vector<ChannelAddress>> addresses = AddressesOf(config, service.keyring);
  if (!addresses) return Fail(addresses.error());
  SpoolWatch spooler(SpoolDirectories(config.spool_directory).spooler);
  Hold hold([&spooler] { return spooler.HasNew(); });
  Ingest ingest(store, service.keyring, clock, &hold);
  SpoolSide spool(config, store, ingest, hold, clock);
  InstallSide install(config, service, bitrix24, ingest, clock);
  Routes routes(
      {ingest, store, [&] { return LevelsOf(config, store, *addresses, clock.Now()); },
       NamedApplications(config),
       [&](PageKind kind, const std::string& application, const Request& request, Tree body,
           Reply reply) {
         install.Handle(kind, application, request, std::move(body), std::move(reply));
       },
       [&](const std::string& nonce) { return ProbeProofOf(service.keyring, nonce); },
       [&](const Request& request, Reply reply) { channel.Handle(request, std::move(reply)); },
       [&](const Request& request, std::function<void(Status)> done) {
         spool.Keep(request, std::move(done));
       }});
  Retention retention(store, clock, config.keep_days);
  BackgroundLoop erasing({"old rows stay", config.database_path + "-retention", kRetentionPause},
                         [&] { return retention.DoOne(); });
  BackgroundLoop clocks({"what a clock put off waits", {}, kClockPause},
                        [&] { return store.MakeAheadDue(clock.Now()); });
  RecoverySide recovery(config, service, bitrix24, ingest, clock);
  Result<std::unique_ptr<DeliverySide>> delivery =
      DeliverySide::Open(config, service, bitrix24, clock);
  if (!delivery) return Fail(std::move(delivery).error());
  ServerOptions options;
  options.listen_fd = socket;
  options.threads = config.worker_threads;
  Result<std::unique_ptr<Server>> server = Server::Start(
      options,
      [&routes](const Request& request, Reply reply) { routes.Handle(request, std::move(reply)); });
  if (!server) return Fail(std::move(server).error());
  LogStart(config, bitrix24.applications, options.threads);

  int signal = 0;
  sigwait(&stop_signals, &signal);
  Log(LogLevel::kInfo, "worker draining", {{"pid", std::to_string(getpid())}});
  spool.Stop();
  erasing.Stop();
  clocks.Stop();
  recovery.Stop();
  channel.Stop();
  install.Stop();
  (*server)->Drain();
  delivery->reset();  // last: it sends what comes until then
  Log(LogLevel::kInfo, "worker ended", {{"pid", std::to_string(getpid())}});
  return {};
}

}  // namespace

Status RunWorker(const Config& config, const std::string& listen) {
  ForbidCoreFiles();
  RaiseDescriptorLimit();
  const sigset_t stop_signals = BlockStopSignals();
  Result<int> socket = ListenSocket(listen);
  if (!socket) return Fail(std::move(socket).error());
  Result<Service> service = OpenService(config, Patience::kOfRequests);
  if (!service) return Fail(std::move(service).error());
  const SystemClock clock;
  Result<std::unique_ptr<Bitrix24Side>> bitrix24 = Bitrix24Side::Open(config, *service, clock);
  if (!bitrix24) return Fail(std::move(bitrix24).error());
  Result<std::unique_ptr<ChannelSide>> channel = ChannelSide::Open(config, *service, clock);
  if (!channel) return Fail(std::move(channel).error());
  return Serve(config, *socket, stop_signals, *service, **bitrix24, **channel, clock);
}

}  // namespace imrelay
