#pragma once

#include "base/result.h"
#include "ingest/ingest.h"
#include "store/store.h"

namespace imrelay {

// Applies the events whose installation was proven meanwhile, oldest first, as if they came now.
// Returns how many. Repeating it changes nothing, also after a crash halfway.
// Errors: the store's; what was applied until then stays.
Result<int> ApplyWaitingEvents(Store& store, Ingest& ingest);

}  // namespace imrelay
