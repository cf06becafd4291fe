#include "app/service.h"

#include <string_view>
#include <utility>

#include "crypto/digest.h"

namespace imrelay {

Result<Service> OpenService(const Config& config) {
  Result<std::unique_ptr<SqliteStore>> store = SqliteStore::Open(config.database_path);
  if (!store) return Fail(std::move(store).error());
  Result<bool> bound_before = (*store)->IsBoundToKey();
  if (!bound_before) return Fail(std::move(bound_before).error());
  // A database that has a key file needs that one: a fresh one in its place would only hide that it
  // is missing.
  Result<Keyring> keyring =
      *bound_before ? Keyring::Open(config.key_file) : Keyring::OpenOrCreate(config.key_file);
  if (!keyring) {
    const bool away = keyring.error().code == ErrorCode::kUnavailable;
    return Fail(away ? ErrorCode::kUnavailable : ErrorCode::kInvalidArgument,
                keyring.error().message);
  }
  if (Status bound = (*store)->BindToKey(keyring->Fingerprint()); !bound) {
    return Fail(std::move(bound).error());
  }
  return Service{*std::move(store), *std::move(keyring)};
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

}  // namespace imrelay
