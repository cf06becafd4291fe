#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "admin/reports.h"
#include "base/result.h"

namespace imrelay {

// What `doctor --fix` can do. Only what may be done again and again, and takes nothing away.
struct Remedy {
  enum class Act {
    kChangeMode,     // of the file `subject`, to the octal mode `detail`
    kChangeOwner,    // of the file `subject`, to that of its folder
    kMakeDirectory,  // `subject`, for the owner alone
    kMigrate,        // the database to this program's schema
    kEmptyLog,       // copy the write-ahead log into the database and cut its file
    kRenewTokens,    // of the portal `subject`
    kRegister,       // connector and events of the portal `subject`
    kActivateLine,   // `detail` of the portal `subject`: clears its error
  };
  Act act = Act::kChangeMode;
  std::string subject;
  std::string detail = {};

  friend bool operator==(const Remedy&, const Remedy&) = default;
};

// What one look at one thing found. Holds no secret.
struct Finding {
  enum class Level { kOk, kWarn, kFail };
  Level level = Level::kOk;
  std::string check;    // "database", "public URL": what is looked at
  std::string subject;  // which of them: a file, an address, a portal; may be empty
  std::string found;
  std::string mend = {};  // what a person can do; empty when all is well
  std::optional<Remedy> remedy = {};
  std::string mended = {};  // what --fix did about it
};

Finding Ok(std::string check, std::string subject, std::string found);
Finding Warn(std::string check, std::string subject, std::string found, std::string mend,
             std::optional<Remedy> remedy = {});
Finding Broken(std::string check, std::string subject, std::string found, std::string mend,
               std::optional<Remedy> remedy = {});

using Findings = std::vector<Finding>;
// Moves `more` to the end of `findings`.
void Append(Findings& findings, Findings more);

// Looks; changes nothing.
using Check = std::function<Findings()>;
// Carries out a remedy and tells what was done, or why it was not.
using Mend = std::function<Result<std::string>(const Remedy&)>;

// Looks and, with a `mend`, carries out each remedy of what is not well once, and looks again: what
// is found then counts. A null `mend` only looks.
Findings Examine(const Check& check, const Mend& mend);

// One line a finding, and one that counts them; or a JSON list of objects
// {level, check, subject, found, mend, fixable, mended}. `found` is false when anything fails.
Output ShowFindings(const Findings& findings, OutputFormat format);

}  // namespace imrelay
