#pragma once

#include "base/result.h"
#include "ingest/ingest.h"
#include "spool/record.h"

namespace imrelay {

// Logs and counts an event of the spool as a posted one; nothing where it is to be taken in again.
// Thread-safe.
void NoteSpooledEvent(const SpooledRequest& request, const Claimed& claimed,
                      const Result<Committed>& outcome);

}  // namespace imrelay
