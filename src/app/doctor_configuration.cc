#include "app/doctor_configuration.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "app/service.h"
#include "crypto/key_file.h"
#include "store/sqlite/sqlite_store.h"

namespace imrelay {
namespace {

constexpr const char* kCheck = "configuration";
constexpr const char* kKeyCheck = "key";

bool IsConfigured(const ConfiguredApplication& application) {
  return !application.client_id.empty() && !application.client_secret.value.empty();
}

void CheckApplications(Findings& findings, const Config& config) {
  const std::string mend =
      "take both from the application's card in Bitrix24, then restart the worker";
  for (const auto& [name, application] : config.applications) {
    if (!name.empty() || IsConfigured(application)) continue;
    const bool alone = config.applications.size() == 1;
    const bool nothing = application.client_id.empty() && application.client_secret.value.empty();
    if (nothing && !alone) continue;
    findings.push_back(Broken(
        kCheck, application.client_id.empty() ? "bitrix24.client_id" : "bitrix24.client_secret",
        "is not given: installations are taken in and wait for their proof", mend));
  }
  const auto configured =
      std::count_if(config.applications.begin(), config.applications.end(),
                    [](const auto& application) { return IsConfigured(application.second); });
  if (configured == 0) return;
  std::string names;
  for (const auto& [name, application] : config.applications) {
    if (!name.empty()) names += " \"" + name + '"';
  }
  findings.push_back(Ok(kCheck, config.file.empty() ? "environment" : config.file,
                        "valid, with " + std::to_string(configured) + " application(s)" +
                            (names.empty() ? "" : ", named:" + names)));
}

void CheckPublicUrlSetting(Findings& findings, const Config& config) {
  if (config.public_url.empty()) {
    findings.push_back(Broken(kCheck, "bitrix24.public_url",
                              "is not given: nothing can be registered in a portal",
                              "public_url = \"https://YOUR.NAME\", the name in nginx's server "
                              "block"));
  } else if (config.public_url.starts_with("https://")) {
    if (config.allow_insecure_loopback) {
      findings.push_back(Warn(kCheck, "security.allow_insecure_loopback",
                              "is on, which is for tests", "take it out of the configuration"));
    }
  }
}

// Keys that a rotation replaced and that are still kept.
std::size_t FormerKeys(const std::string& path) {
  const Result<Secret> text = ReadKeyText(path);
  if (!text) return 0;
  const Result<KeyFile> file = ParseKeyFile(path, text->Reveal());
  return file ? file->seal_keys.size() - 1 : 0;
}

Result<std::string> BoundKeyOf(const std::string& database_path) {
  Result<std::unique_ptr<SqliteStore>> store = SqliteStore::OpenExisting(database_path);
  if (!store) return Fail(std::move(store).error());
  return (*store)->BoundKey();
}

}  // namespace

Findings CheckConfiguration(const Config& config) {
  Findings findings;
  CheckApplications(findings, config);
  CheckPublicUrlSetting(findings, config);
  if (config.connector_id == Config().connector_id) {
    findings.push_back(Ok(kCheck, "connector.id",
                          "\"" + config.connector_id +
                              "\", the default; a second service in one portal needs another"));
  }
  return findings;
}

Findings CheckKey(const Config& config) {
  Result<Keyring> keyring = Keyring::Open(config.key_file);
  if (!keyring) {
    const bool missing = keyring.error().code == ErrorCode::kNotFound;
    return {Broken(kKeyCheck, config.key_file, keyring.error().message,
                   missing ? "put your copy back; without it every portal has to be re-opened. For "
                             "a new installation: imrelay migrate"
                           : "put your copy back, or mend what is said here")};
  }
  Findings findings;
  const Result<std::string> bound = BoundKeyOf(config.database_path);
  if (bound && !bound->empty() && *bound != keyring->Fingerprint()) {
    findings.push_back(Broken(kKeyCheck, config.key_file,
                              config.database_path + " was written with another key file",
                              "put back the key file that was made with this database"));
  } else if (!bound) {
    findings.push_back(
        Warn(kKeyCheck, config.key_file,
             "opens; could not be compared with the database: " + bound.error().message,
             "see the checks of the database"));
  }
  for (const ConfiguredSecret* secret : SecretsIn(config)) {
    if (OpenSecret(*secret, *keyring)) continue;
    findings.push_back(Broken(kKeyCheck, secret->key,
                              "the sealed value does not open with this key file",
                              "seal it again: imrelay key seal < SECRET-FILE"));
  }
  if (!findings.empty()) return findings;
  const std::size_t former = FormerKeys(config.key_file);
  return {Ok(
      kKeyCheck, config.key_file,
      (bound->empty() ? "opens; the database belongs to none yet"
                      : "opens, and belongs to the database") +
          (former == 0
               ? std::string()
               : "; " + std::to_string(former) +
                     " former key(s) kept; imrelay key rotate takes out those that nothing uses"))};
}

}  // namespace imrelay
