#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"

namespace imrelay {

inline constexpr std::size_t kKeyBytes = 32;
inline constexpr std::size_t kKeyIdBytes = 4;

// What a key file holds. Lines are `hash BASE64` (one) and `seal BASE64` (one or more, the newest
// first); blank lines and lines that begin with # are comments. The comment `# replaced SECONDS` in
// front of a seal key says since when a newer one seals; see key_rotation.h.
struct KeyFile {
  Secret hash_key;                // kKeyBytes bytes
  std::vector<Secret> seal_keys;  // the same; never empty
};

// Tells a file from the one that took its place.
struct FileVersion {
  std::uint64_t inode = 0;
  std::int64_t size = 0;
  std::int64_t changed_ns = 0;
  bool operator==(const FileVersion&) const = default;
};
FileVersion VersionOf(const std::string& path);  // all zero when there is none

// The text of a key file. Errors: those of Keyring::Open.
Result<Secret> ReadKeyText(const std::string& path);
Result<KeyFile> ParseKeyFile(const std::string& path, std::string_view text);

// The name a sealed text calls its key by; four bytes.
std::string KeyIdOf(const Secret& key);

// Decodes the key of a line; none when it is none.
std::optional<Secret> DecodeKey(std::string_view base64);

// A line of the file, `kind` and a fresh key.
std::string RandomKeyLine(const char* kind);

// Puts `text` in the place of the file: whole or not at all, durably, with its mode and owner. One
// at a time. Errors: kUnavailable.
Status ReplaceKeyFile(const std::string& path, std::string_view text);

// Makes the file with fresh keys unless there is one already, which then stays as it is. Written
// whole under another name first, so neither a crash nor a second maker leaves half a file.
// Errors: kUnavailable when it cannot be written.
Status MakeKeyFile(const std::string& path);

// Makes the file's name durable.
Status SyncDirectoryOf(const std::string& path);

}  // namespace imrelay
