#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/sqlite/database.h"

namespace imrelay {

// What a backup came to.
struct Backup {
  std::int64_t pages = 0;
  std::int64_t page_bytes = 0;
  std::int64_t schema = 0;
  std::chrono::milliseconds copied_in{0};
  std::chrono::milliseconds checked_in{0};
  // What is wrong with the rows although the file is whole, one sentence each: deliveries that wait
  // behind none, counts that do not add up. The original has the same fault.
  std::vector<std::string> problems;

  std::int64_t bytes() const { return pages * page_bytes; }
};

// The reasons of BackUp's errors that a person can do something about.
inline constexpr const char* kBackupExists = "exists";  // there is a `file`
inline constexpr const char* kBackupBusy = "busy";      // another backup is writing it

// Copies the database, as it is at one moment, into `file`, while others go on reading and writing
// it. `file` appears whole and on disk, or not at all: until then it is FILE.partial, which is
// taken over when a backup was killed in the middle. Mode 0600, one file, no log beside it. What
// the copy will deliver, should it be restored, has keys that the original does not give; what was
// queued in it keeps its key. Errors: kConflict with kBackupExists or kBackupBusy; kInvalidArgument
// when the schema is not current; kUnavailable when a file cannot be read or written, with
// kDatabaseDamaged when what was copied is damaged. Nothing is left behind then.
Result<Backup> BackUp(const std::string& database, const std::string& file, Database::Look look);

}  // namespace imrelay
