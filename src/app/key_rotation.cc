#include "app/key_rotation.h"

#include <set>
#include <string_view>
#include <utility>

#include "app/service.h"
#include "base/failpoint.h"
#include "base/file_lock.h"
#include "crypto/digest.h"
#include "crypto/key_rotation.h"

namespace imrelay {
namespace {

// Each finds only what was written during the one before it.
constexpr int kMostPasses = 1000;

// The id of the key that a configured secret is sealed with; empty when it is not sealed.
std::string KeyIdOf(const ConfiguredSecret& secret) {
  std::string_view text = secret.value.Reveal();
  if (!text.starts_with(kSealedPrefix)) return {};
  text.remove_prefix(std::string_view(kSealedPrefix).size());
  const std::optional<std::string> sealed = FromBase64(text);
  return sealed ? Keyring::KeyIdIn(*sealed) : std::string();
}

// Seals what the database has anew, until there is nothing left to do.
Status ResealAll(PortalStore& store, const Keyring& keyring, KeyRotated& rotated) {
  for (int pass = 0; pass < kMostPasses; ++pass) {
    rotated.unreadable = 0;
    Result<int> changed =
        store.ResealTokens([&](const std::string& sealed, const std::string& purpose) {
          Result<std::string> anew = keyring.Reseal(sealed, purpose);
          if (anew) return anew;
          ++rotated.unreadable;
          return Result<std::string>(sealed);
        });
    if (!changed) return Fail(std::move(changed).error());
    if (*changed == 0) return {};
    rotated.resealed += *changed;
  }
  return Fail(ErrorCode::kUnavailable, "the tokens change faster than they are sealed anew");
}

// The ids of the keys that the database needs.
Result<std::set<std::string>> KeysInUse(PortalStore& store) {
  std::set<std::string> used;
  Result<int> looked = store.ResealTokens([&](const std::string& sealed, const std::string&) {
    used.insert(Keyring::KeyIdIn(sealed));
    return Result<std::string>(sealed);
  });
  if (!looked) return Fail(std::move(looked).error());
  return used;
}

}  // namespace

Result<KeyRotated> RotateKey(const Config& config, const Clock& clock) {
  Result<Service> service = OpenService(config);
  if (!service) return Fail(std::move(service).error());
  Result<std::optional<FileLock>> lock = FileLock::Try(config.key_file + ".lock", 0);
  if (!lock) return Fail(std::move(lock).error());
  if (!*lock) return Fail(ErrorCode::kConflict, "another key rotation is under way");
  const TimePoint now = clock.Now();
  if (Status added = AddSealKey(config.key_file, now); !added) {
    return Fail(std::move(added).error());
  }
  Failpoint("app.key_added");
  const Result<Keyring> keyring = Keyring::Open(config.key_file);
  if (!keyring) return Fail(keyring.error());
  KeyRotated rotated;
  if (Status resealed = ResealAll(*service->store, *keyring, rotated); !resealed) {
    return Fail(std::move(resealed).error());
  }
  Failpoint("app.tokens_resealed");
  Result<std::set<std::string>> used = KeysInUse(*service->store);
  if (!used) return Fail(std::move(used).error());
  for (const ConfiguredSecret* secret : SecretsIn(config)) {
    std::string id = KeyIdOf(*secret);
    if (id.empty()) continue;
    rotated.configuration.push_back(secret->key);
    used->insert(std::move(id));
  }
  Result<int> removed = RemoveSealKeys(config.key_file, now - kKeepReplacedKeys, *used);
  if (!removed) return Fail(std::move(removed).error());
  rotated.removed = *removed;
  Result<int> keys = CountSealKeys(config.key_file);
  if (!keys) return Fail(std::move(keys).error());
  rotated.keys = *keys;
  return rotated;
}

}  // namespace imrelay
