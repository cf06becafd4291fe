#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"

namespace imrelay {

// The keys of one installation of this service, from its key file: a text file, mode 0600, one
// key a line. The first seals; all of them open. Everything sealed names its key. When the file is
// replaced (see key_rotation.h), the next Seal, and an Unseal that misses its key, read it again; a
// file that is damaged or belongs to another installation changes nothing. Thread-safe; copies
// share their keys.
class Keyring {
 public:
  // Reads the key file. Errors: kNotFound when there is none, kInvalidArgument when it is damaged
  // or readable by others, kUnavailable when it cannot be read. Each names the file and the mend.
  static Result<Keyring> Open(const std::string& path);

  // The same, making the file with a fresh random key when there is none: durable, mode 0600,
  // and never over an existing one, also when two processes start at once.
  static Result<Keyring> OpenOrCreate(const std::string& path);

  // Encrypts and authenticates (XChaCha20-Poly1305). `purpose` says what it is and whose
  // ("access_token bac1…"); a sealed text opens under the same purpose only. The result is bytes.
  std::string Seal(const Secret& plain, std::string_view purpose) const;

  // Errors: kInvalidArgument when it was sealed for another purpose, with a key that is not here,
  // or is damaged.
  Result<Secret> Unseal(std::string_view sealed, std::string_view purpose) const;

  // The same text under the key that seals now; the same bytes where it is under it already.
  // Errors: as Unseal.
  Result<std::string> Reseal(const std::string& sealed, std::string_view purpose) const;

  // The id of the key of a sealed text (see KeyIdOf); empty when it is none.
  static std::string KeyIdIn(std::string_view sealed);

  // A keyed hash (BLAKE2b-256) of `value` for `purpose`: equal values give equal hashes, and the
  // hash tells nothing of the value without the key file. The key never changes by rotation.
  std::array<std::uint8_t, 32> Hash(const Secret& value, std::string_view purpose) const;

  // A fingerprint of the hash key, to tell that a database belongs to this key file.
  std::string Fingerprint() const;

 private:
  struct Key {
    std::string id;
    Secret bytes;
  };
  using Keys = std::vector<Key>;
  // What the file says, and which file that was.
  struct Shared;

  static Result<Keys> KeysOf(const std::string& path, Secret& hash_key);
  // The keys as they are known; read again first when the file was replaced.
  std::shared_ptr<const Keys> Known() const;
  std::shared_ptr<const Keys> Current() const;

  std::shared_ptr<Shared> shared_;
  Secret hash_key_;
};

}  // namespace imrelay
