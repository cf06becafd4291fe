#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace imrelay {

// Changes a key file, one at a time: the caller holds a lock. Each writes the file whole or not at
// all, durably, and leaves its comments, mode and owner. Errors: those of Keyring::Open;
// kUnavailable when it cannot be written.

// Puts a fresh seal key first, and notes at those behind it, where nothing is noted yet, that they
// are replaced since `now`. Errors: kConflict when there are kMostSealKeys already.
Status AddSealKey(const std::string& path, TimePoint now);
inline constexpr int kMostSealKeys = 64;

// Takes out what was replaced at `before` or earlier and is not in `used` (see KeyIdOf). Returns
// how many. The first one always stays.
Result<int> RemoveSealKeys(const std::string& path, TimePoint before,
                           const std::set<std::string>& used);

// How many seal keys there are.
Result<int> CountSealKeys(const std::string& path);

}  // namespace imrelay
