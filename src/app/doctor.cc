#include "app/doctor.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <ostream>
#include <string_view>
#include <utility>

#include "admin/doctor.h"
#include "app/config.h"
#include "app/doctor_channels.h"
#include "app/doctor_configuration.h"
#include "app/doctor_database.h"
#include "app/doctor_files.h"
#include "app/doctor_network.h"
#include "app/doctor_outbox.h"
#include "app/doctor_portals.h"
#include "app/doctor_spool.h"
#include "app/probe_proof.h"

namespace imrelay {
namespace {

constexpr std::chrono::seconds kLongestCheck{30};  // of a database

ServiceFiles FilesOf(const Config& config) {
  ServiceFiles files;
  if (!config.file.empty()) files.configuration.push_back(config.file);
  for (const ConfiguredSecret* secret : SecretsIn(config)) {
    if (!secret->file.empty()) files.configuration.push_back(secret->file);
  }
  files.key_file = config.key_file;
  files.database = config.database_path;
  return files;
}

// Carries out what concerns this machine alone.
Result<std::string> MendHere(const Remedy& remedy) {
  switch (remedy.act) {
    case Remedy::Act::kChangeMode:
      return ChangeMode(remedy.subject, remedy.detail);
    case Remedy::Act::kChangeOwner:
      return ChangeOwner(remedy.subject);
    case Remedy::Act::kMakeDirectory:
      return MakeDirectory(remedy.subject);
    case Remedy::Act::kMigrate:
      return MigrateDatabase(remedy.subject);
    case Remedy::Act::kEmptyLog:
      return EmptyDatabaseLog(remedy.subject);
    case Remedy::Act::kRenewTokens:
    case Remedy::Act::kRegister:
    case Remedy::Act::kActivateLine:
      break;
  }
  return Fail(ErrorCode::kInternal, "no remedy of this machine");
}

// Without a key file that opens, there is none.
ProofOf ProofWith(const std::string& key_file) {
  Result<Keyring> keyring = Keyring::Open(key_file);
  if (!keyring) return nullptr;
  return [keyring = *std::move(keyring)](const std::string& nonce) {
    return ProbeProofOf(keyring, nonce);
  };
}

bool Fails(const Findings& findings, std::string_view check) {
  return std::any_of(findings.begin(), findings.end(), [check](const Finding& finding) {
    return finding.check == check && finding.level == Finding::Level::kFail;
  });
}

Findings CheckNetwork(const Config& config, const std::string& imrelay_port, bool writable) {
  AddressPolicy everywhere;
  everywhere.any_address = true;
  const std::unique_ptr<HttpClient> own = MakeCurlClient(everywhere);
  const std::unique_ptr<HttpClient> servers =
      MakeCurlClient({.allow_insecure_loopback = config.allow_insecure_loopback});
  const SystemClock clock;
  NetworkChecks checks(*own, *servers, clock, ProofWith(config.key_file));
  Findings findings;
  for (const ServiceSocket& socket : {kWorkerSocket, kSpoolerSocket}) {
    Append(findings, CheckSocket(socket, FindSocket(config.database_path, socket)));
  }
  using Database = NetworkChecks::Database;
  // It would wait for the lock as long as we did.
  Append(findings, checks.Worker(StatusAddresses(imrelay_port),
                                 writable ? Database::kAsk : Database::kPassOver));
  if (!config.public_url.empty()) {
    for (const auto& [name, application] : config.applications) {
      if (application.client_id.empty()) continue;
      Append(findings,
             checks.PublicUrl(config.public_url +
                              (name.empty() ? "/bitrix24/event" : "/bitrix24/" + name + "/event")));
    }
  }
  Append(findings, checks.AuthorizationServers(config.authorization_servers));
  everywhere.https_to_public = true;  // as the worker calls channels
  const std::unique_ptr<HttpClient> channels = MakeCurlClient(everywhere);
  Append(findings, CheckChannelServices(config, *channels, clock));
  Append(findings, checks.Clock());
  return findings;
}

Findings CheckAll(const Config& config, const Environment& environment, bool fix) {
  const Mend mend = fix ? Mend(MendHere) : Mend();
  Findings findings = Examine([&config] { return CheckConfiguration(config); }, mend);
  Append(findings, CheckChannelSettings(config));
  // Files before what opens them: a wrong mode or owner keeps the rest from working.
  Append(findings, Examine([&config] { return CheckFiles(FilesOf(config)); }, mend));
  Findings database =
      Examine([&config] { return CheckDatabase(config.database_path, kLongestCheck); }, mend);
  const bool writable = !Fails(database, kWritingCheck);
  Append(findings, std::move(database));
  Append(findings, Examine([&config] { return CheckKey(config); }, mend));
  Append(findings, CheckOutboxOf(config));
  Append(findings, CheckSpoolOf(config));
  const auto port = environment.find("IMRELAY_PORT");
  Findings network = CheckNetwork(config, port == environment.end() ? "" : port->second, writable);
  const bool reached = !Fails(network, kPublicUrlCheck);
  Append(findings, std::move(network));
  if (!writable) {
    // A call may renew tokens, and a pair that cannot be kept is lost.
    Append(findings, {Warn("portals", "", "not asked: the database cannot be written",
                           "see the check of writing, then ask again")});
    return findings;
  }
  const PortalMends may = reached ? PortalMends::kAll : PortalMends::kAllButRegister;
  Append(findings, CheckPortals(config, fix ? may : PortalMends::kNone));
  return findings;
}

}  // namespace

Exit DoctorCommand(const std::string& config_file, const DoctorOptions& options, Streams& streams) {
  const OutputFormat format = options.json ? OutputFormat::kJson : OutputFormat::kText;
  const Environment environment = ProcessEnvironment();
  Result<Config> config = LoadConfig(config_file, environment);
  if (!config) {
    streams.out << ShowFindings({Broken("configuration", config_file, config.error().message,
                                        "mend that; everything else is looked at then")},
                                format)
                       .text;
    return Exit::kConfiguration;
  }
  const Output output = ShowFindings(CheckAll(*config, environment, options.fix), format);
  streams.out << output.text;
  return output.found ? Exit::kDone : Exit::kFoundWrong;
}

}  // namespace imrelay
