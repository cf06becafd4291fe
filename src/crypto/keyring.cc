#include "crypto/keyring.h"

#include <sodium.h>

#include <cassert>
#include <cstring>

#include "crypto/key_file.h"

namespace imrelay {
namespace {

// A sealed text is: version, id of the key, nonce, ciphertext with its tag. Version and id are
// authenticated together with the purpose.
constexpr char kVersion = 1;
constexpr std::size_t kIdBytes = 4;
constexpr std::size_t kHeaderBytes = 1 + kIdBytes;
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

std::array<std::uint8_t, kIdBytes> IdOf(const Secret& key) {
  const auto hash = KeyedHash<16>(key, "imrelay key id");
  std::array<std::uint8_t, kIdBytes> id{};
  std::memcpy(id.data(), hash.data(), id.size());
  return id;
}

}  // namespace

Result<Keyring> Keyring::Open(const std::string& path) {
  if (sodium_init() < 0) return Fail(ErrorCode::kInternal, "libsodium does not start");
  Result<KeyFile> file = ReadKeyFile(path);
  if (!file) return Fail(std::move(file).error());
  Keyring keyring;
  keyring.hash_key_ = std::move(file->hash_key);
  for (Secret& key : file->seal_keys) {
    const auto id = IdOf(key);
    keyring.seal_keys_.push_back({id, std::move(key)});
  }
  return keyring;
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
  assert(!seal_keys_.empty());
  const Key& key = seal_keys_.front();
  std::string sealed(1, kVersion);
  sealed.append(reinterpret_cast<const char*>(key.id.data()), key.id.size());
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
  const std::string bound = std::string(sealed.substr(0, kHeaderBytes)) + std::string(purpose);
  const unsigned char* const nonce = Bytes(sealed) + kHeaderBytes;
  const std::size_t cipher_bytes = sealed.size() - kHeaderBytes - kNonceBytes;
  bool known = false;
  for (const Key& key : seal_keys_) {
    if (std::memcmp(key.id.data(), sealed.data() + 1, kIdBytes) != 0) continue;
    known = true;
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
