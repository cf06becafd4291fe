#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "base/result.h"
#include "domain/portal.h"
#include "store/sqlite/database.h"

namespace imrelay {

// Why what is known of a portal goes.
enum class Erasing {
  kClean,    // it uninstalled with CLEAN: messages and texts go, the journal and what is owed stay
  kRemoval,  // an operator removes it: everything goes
};

// How far an erasure has come.
struct ErasureCursor {
  std::size_t stage = 0;                                          // a table after another
  std::int64_t after = std::numeric_limits<std::int64_t>::min();  // of its rows
  bool end = false;
  std::int64_t chain = 0;  // of the portal's tokens: which installation it erases
};

// What must not wait: tokens, and what would still be sent. The rest is noted to be erased by
// EraseStep, a few rows a commit, so that no request waits for a portal of millions of messages.
Status BeginErasure(Database& database, PortalId portal);

// Erases some more of an uninstalled portal, and returns how far it came; to begin again does no
// harm. At the end a portal that is removed is gone itself. Where the portal is installed again it
// ends at once: what there is now is of that installation. Where it was, and is uninstalled again,
// it begins anew.
Result<ErasureCursor> EraseStep(Database& database, PortalId portal, Erasing why, ErasureCursor at);

// Erases all of it in this commit where that is little (fewer than a thousand rows of each table),
// as it is of most portals; else nothing, or a part.
Status EraseLittle(Database& database, PortalId portal);

// Erases the rest at once, where an erasure is under way: what comes after it must stay.
Status FinishErasure(Database& database, PortalId portal);

}  // namespace imrelay
