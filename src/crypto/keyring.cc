#include "crypto/keyring.h"

#include <sodium.h>

#include <algorithm>
#include <cassert>
#include <mutex>
#include <utility>

#include "crypto/key_file.h"

namespace imrelay {
namespace {

// A sealed text is: version, id of the key, nonce, ciphertext with its tag. Version and id are
// authenticated together with the purpose.
constexpr char kVersion = 1;
constexpr std::size_t kHeaderBytes = 1 + kKeyIdBytes;
constexpr std::size_t kNonceBytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t kTagBytes = crypto_aead_xchacha20poly1305_ietf_ABYTES;
static_assert(kKeyBytes == crypto_aead_xchacha20poly1305_ietf_KEYBYTES);

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* Bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

template <std::size_t kSize>
std::array<std::uint8_t, kSize> KeyedHash(const Secret& key, std::string_view text) {
  std::array<std::uint8_t, kSize> hash{};
  crypto_generichash(hash.data(), hash.size(), Bytes(text), text.size(), Bytes(key.Reveal()),
                     key.Reveal().size());
  return hash;
}

}  // namespace

struct Keyring::Shared {
  explicit Shared(std::string file) : path(std::move(file)) {}

  const std::string path;
  std::mutex mutex;
  FileVersion version;
  std::shared_ptr<const Keys> keys;
};

Result<Keyring::Keys> Keyring::KeysOf(const std::string& path, Secret& hash_key) {
  const Result<Secret> text = ReadKeyText(path);
  if (!text) return Fail(text.error());
  Result<KeyFile> file = ParseKeyFile(path, text->Reveal());
  if (!file) return Fail(std::move(file).error());
  hash_key = std::move(file->hash_key);
  Keys keys;
  for (Secret& key : file->seal_keys) {
    std::string id = KeyIdOf(key);
    keys.push_back({std::move(id), std::move(key)});
  }
  return keys;
}

Result<Keyring> Keyring::Open(const std::string& path) {
  if (sodium_init() < 0) return Fail(ErrorCode::kInternal, "libsodium does not start");
  Keyring keyring;
  keyring.shared_ = std::make_shared<Shared>(path);
  // Before it is read: a file that takes its place meanwhile is read by the next Seal.
  keyring.shared_->version = VersionOf(path);
  Result<Keys> keys = KeysOf(path, keyring.hash_key_);
  if (!keys) return Fail(std::move(keys).error());
  keyring.shared_->keys = std::make_shared<const Keys>(*std::move(keys));
  return keyring;
}

std::shared_ptr<const Keyring::Keys> Keyring::Known() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->keys;
}

std::shared_ptr<const Keyring::Keys> Keyring::Current() const {
  const std::lock_guard lock(shared_->mutex);
  const FileVersion version = VersionOf(shared_->path);
  if (version == shared_->version) return shared_->keys;
  Secret hash_key;
  Result<Keys> keys = KeysOf(shared_->path, hash_key);
  if (!keys || hash_key.Reveal() != hash_key_.Reveal()) return shared_->keys;
  shared_->version = version;
  shared_->keys = std::make_shared<const Keys>(*std::move(keys));
  return shared_->keys;
}

Result<Keyring> Keyring::OpenOrCreate(const std::string& path) {
  Result<Keyring> keyring = Open(path);
  if (!keyring && keyring.error().code == ErrorCode::kNotFound) {
    if (Status made = MakeKeyFile(path); !made) return Fail(std::move(made).error());
    keyring = Open(path);
  }
  if (!keyring) return keyring;
  // Also where another process made the file just now: nothing may be sealed with a key whose file
  // a power cut could still take away.
  if (Status synced = SyncDirectoryOf(path); !synced) return Fail(std::move(synced).error());
  return keyring;
}

std::string Keyring::Seal(const Secret& plain, std::string_view purpose) const {
  const std::shared_ptr<const Keys> keys = Current();
  assert(!keys->empty());
  const Key& key = keys->front();
  std::string sealed = kVersion + key.id;
  const std::string bound = sealed + std::string(purpose);
  sealed.resize(kHeaderBytes + kNonceBytes + plain.Reveal().size() + kTagBytes);
  unsigned char* const nonce = Bytes(sealed) + kHeaderBytes;
  randombytes_buf(nonce, kNonceBytes);
  crypto_aead_xchacha20poly1305_ietf_encrypt(nonce + kNonceBytes, nullptr, Bytes(plain.Reveal()),
                                             plain.Reveal().size(), Bytes(bound), bound.size(),
                                             nullptr, nonce, Bytes(key.bytes.Reveal()));
  return sealed;
}

Result<Secret> Keyring::Unseal(std::string_view sealed, std::string_view purpose) const {
  if (sealed.size() < kHeaderBytes + kNonceBytes + kTagBytes || sealed.front() != kVersion) {
    return Fail(ErrorCode::kInvalidArgument, "a sealed text is damaged", "not_sealed");
  }
  const std::string id = KeyIdIn(sealed);
  const auto has = [&id](const Keys& keys) {
    return std::any_of(keys.begin(), keys.end(), [&id](const Key& key) { return key.id == id; });
  };
  std::shared_ptr<const Keys> keys = Known();
  if (!has(*keys)) keys = Current();
  const bool known = has(*keys);
  const std::string bound = std::string(sealed.substr(0, kHeaderBytes)) + std::string(purpose);
  const unsigned char* const nonce = Bytes(sealed) + kHeaderBytes;
  const std::size_t cipher_bytes = sealed.size() - kHeaderBytes - kNonceBytes;
  for (const Key& key : *keys) {
    if (key.id != id) continue;
    std::string plain(cipher_bytes - kTagBytes, '\0');
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(
            Bytes(plain), nullptr, nullptr, nonce + kNonceBytes, cipher_bytes, Bytes(bound),
            bound.size(), nonce, Bytes(key.bytes.Reveal())) == 0) {
      return Secret(std::move(plain));
    }
  }
  if (!known) {
    return Fail(ErrorCode::kInvalidArgument,
                "sealed with a key that is not in the key file; put the old key file back",
                "unknown_key");
  }
  return Fail(ErrorCode::kInvalidArgument, "a sealed text is damaged or for another purpose",
              "not_sealed");
}

Result<std::string> Keyring::Reseal(const std::string& sealed, std::string_view purpose) const {
  Result<Secret> plain = Unseal(sealed, purpose);
  if (!plain) return Fail(std::move(plain).error());
  if (KeyIdIn(sealed) == Current()->front().id) return sealed;
  return Seal(*plain, purpose);
}

std::string Keyring::KeyIdIn(std::string_view sealed) {
  if (sealed.size() < kHeaderBytes || sealed.front() != kVersion) return {};
  return std::string(sealed.substr(1, kKeyIdBytes));
}

std::array<std::uint8_t, 32> Keyring::Hash(const Secret& value, std::string_view purpose) const {
  // The length in front keeps ("ab", "c") and ("a", "bc") apart.
  Secret text(std::to_string(purpose.size()) + ':' + std::string(purpose) +
              std::string(value.Reveal()));
  return KeyedHash<32>(hash_key_, text.Reveal());
}

std::string Keyring::Fingerprint() const {
  const auto hash = KeyedHash<16>(hash_key_, "imrelay fingerprint");
  std::string text(2 * hash.size() + 1, '\0');
  sodium_bin2hex(text.data(), text.size(), hash.data(), hash.size());
  text.pop_back();
  return text;
}

}  // namespace imrelay
