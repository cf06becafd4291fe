#pragma once

#include <string>

#include "base/result.h"
#include "ingest/ingest.h"
#include "store/store.h"

namespace imrelay {

// What became of an event that was applied once more.
struct Replayed {
  bool changed = false;
  std::string reason;  // why nothing changed, as a short word; empty when something did
};

// Applies an event of the journal, one that was ignored or applied before, from its body: for what
// a former version could not use, or what was lost since. Repeating it changes nothing.
// Errors: kNotFound when there is no such event; kConflict with a sentence where it cannot be
// applied: it waits, was rejected, is an installation, its body or its portal is gone; the store's.
Result<Replayed> ReplayEvent(Store& store, Ingest& ingest, EventId id);

}  // namespace imrelay
