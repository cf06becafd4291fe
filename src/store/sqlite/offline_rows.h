#pragma once

#include <optional>

#include "base/result.h"
#include "store/offline_store.h"
#include "store/plan.h"
#include "store/sqlite/database.h"
#include "store/sqlite/message_rows.h"

namespace imrelay {

// The rows behind OfflineStore, and how an event is known again that came by another way. Those
// that find run on any connection, the others inside a writer's job. Errors: the database's.

// Whether the event of `plan` was taken in before, posted or from the offline queue, with another
// time. Add and Delete would change nothing a second time; an edit would. An edit back to an older
// text is one of its own when the journal has another edit of that message in between.
Result<bool> IsTakenIn(Database& database, const Plan& plan);
// Of an event that is known: notes what its coming again tells.
Status NoteKnown(const ChangeContext& context, const Plan& plan);
// Of an event that was journalled now.
Status NoteTakenIn(Database& database, const Plan& plan, EventId event);

Result<std::optional<PortalAccess>> BeginOfflineReadRow(Database& database, TimePoint now,
                                                        TimePoint next);
Status EndOfflineReadRow(Database& database, PortalId portal, const OfflineRead& read,
                         TimePoint now);
Result<OfflineQueueState> FindOfflineQueueRow(Database& database, PortalId portal);

}  // namespace imrelay
