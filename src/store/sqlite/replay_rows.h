#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/sqlite/message_rows.h"
#include "store/store.h"

namespace imrelay {

// Store::FindEvent on one connection.
Result<std::optional<JournalledEvent>> FindEventRow(Database& database, EventId id);

// Takes out of an event that is replayed what must not be done again, because nothing in the
// mapping keeps it from that: an edit that is not newer than the last one, and what else the event
// did when it was applied. Returns why, for the last one taken out; empty when none is.
// Errors: kNotFound, kConflict where the event is neither applied nor ignored.
Result<std::string> LeaveOutDone(const ChangeContext& context, EventId event,
                                 std::vector<Change>& changes);

}  // namespace imrelay
