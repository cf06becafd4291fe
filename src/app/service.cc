#include "app/service.h"

#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "crypto/digest.h"

namespace imrelay {
namespace {

enum class KeyFileMust { kBeThere, kBeThereOrBeMade };

Result<Keyring> OpenKeyFile(const Config& config, KeyFileMust must) {
  Result<Keyring> keyring = must == KeyFileMust::kBeThere ? Keyring::Open(config.key_file)
                                                          : Keyring::OpenOrCreate(config.key_file);
  if (keyring) return keyring;
  const bool away = keyring.error().code == ErrorCode::kUnavailable;
  const bool missing = keyring.error().code == ErrorCode::kNotFound;
  std::string mend;
  if (missing) mend = "; put your copy back, or name the file that is yours";
  if (away) mend = "; it and its directory must be there, and be the service's user's";
  return Fail(away ? ErrorCode::kUnavailable : ErrorCode::kInvalidArgument,
              "security.key_file: " + keyring.error().message + mend);
}

// A database that has a key file needs that one: a fresh one in its place would only hide that it
// is missing.
Result<Keyring> KeyringFor(SqliteStore& store, const Config& config) {
  Result<std::string> bound = store.BoundKey();
  if (!bound) return Fail(std::move(bound).error());
  return OpenKeyFile(config,
                     bound->empty() ? KeyFileMust::kBeThereOrBeMade : KeyFileMust::kBeThere);
}

}  // namespace

Result<Service> OpenService(const Config& config, Patience patience) {
  Result<std::unique_ptr<SqliteStore>> store = SqliteStore::Open(config.database_path, patience);
  if (!store) return Fail(std::move(store).error());
  Result<Keyring> keyring = KeyringFor(**store, config);
  if (!keyring) return Fail(std::move(keyring).error());
  if (Status bound = (*store)->BindToKey(keyring->Fingerprint()); !bound) {
    return Fail(std::move(bound).error());
  }
  return Service{*std::move(store), *std::move(keyring)};
}

Result<Keyring> OpenKeyring(const Config& config) {
  std::error_code ignored;
  if (!std::filesystem::exists(config.database_path, ignored)) {
    return OpenKeyFile(config, KeyFileMust::kBeThereOrBeMade);
  }
  Result<std::unique_ptr<SqliteStore>> store = SqliteStore::OpenExisting(config.database_path);
  if (!store) return Fail(std::move(store).error());
  return KeyringFor(**store, config);
}

Result<Keyring> OpenExistingKeyring(const Config& config) {
  return OpenKeyFile(config, KeyFileMust::kBeThere);
}

Result<Secret> OpenSecret(const ConfiguredSecret& configured, const Keyring& keyring) {
  std::string_view text = configured.value.Reveal();
  if (!text.starts_with(kSealedPrefix)) return configured.value;
  text.remove_prefix(std::string_view(kSealedPrefix).size());
  const std::optional<std::string> sealed = FromBase64(text);
  Result<Secret> opened = sealed ? keyring.Unseal(*sealed, kSealedPurpose)
                                 : Fail(ErrorCode::kInvalidArgument, "no base64");
  if (opened) return opened;
  return Fail(ErrorCode::kInvalidArgument,
              configured.key +
                  ": the sealed value does not open with this key file; seal it "
                  "again with: imrelay key seal");
}

Result<Applications> OpenApplications(const Config& config, const Keyring& keyring) {
  Applications applications;
  for (const auto& [name, configured] : config.applications) {
    Result<Secret> secret = OpenSecret(configured.client_secret, keyring);
    if (!secret) return Fail(std::move(secret).error());
    applications[name] = {configured.client_id, *std::move(secret)};
  }
  return applications;
}

}  // namespace imrelay
