#pragma once

#include <string>
#include <vector>

#include "app/config.h"
#include "base/clock.h"
#include "base/result.h"

namespace imrelay {

// What a rotation of the key came to.
struct KeyRotated {
  int resealed = 0;    // values of the database that are under the new key now
  int unreadable = 0;  // values that no key of the file opens; they stay as they are
  int keys = 0;        // seal keys in the file
  int removed = 0;     // former ones that were taken out
  // Configuration keys whose sealed value keeps its former key in the file.
  std::vector<std::string> configuration;
};

// A former key stays for a day at least: a worker may still hold what it sealed with it.
inline constexpr std::chrono::hours kKeepReplacedKeys{24};

// Puts a new seal key first in the key file, then seals every token in the database anew, while
// workers go on: they notice the new file by themselves. Former keys that nothing uses are taken
// out once they were replaced for kKeepReplacedKeys. Killed at any step, everything still opens,
// and doing it again finishes it.
// Errors: kConflict while another one is under way, or when there are too many keys; those of
// OpenService; kUnavailable when a file cannot be written.
Result<KeyRotated> RotateKey(const Config& config, const Clock& clock);

}  // namespace imrelay
