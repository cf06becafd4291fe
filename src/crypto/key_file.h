#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"

namespace imrelay {

inline constexpr std::size_t kKeyBytes = 32;

// What a key file holds. Lines are `hash BASE64` (one) and `seal BASE64` (one or more, the newest
// first); blank lines and lines that begin with # are comments.
struct KeyFile {
  Secret hash_key;                // kKeyBytes bytes
  std::vector<Secret> seal_keys;  // the same; never empty
};

// Errors: those of Keyring::Open.
Result<KeyFile> ReadKeyFile(const std::string& path);

// Makes the file with fresh keys unless there is one already, which then stays as it is. Written
// whole under another name first, so neither a crash nor a second maker leaves half a file.
// Errors: kUnavailable when it cannot be written.
Status MakeKeyFile(const std::string& path);

// Makes the file's name durable.
Status SyncDirectoryOf(const std::string& path);

}  // namespace imrelay
