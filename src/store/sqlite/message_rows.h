#pragma once

#include "base/result.h"
#include "store/plan.h"
#include "store/sqlite/database.h"

namespace imrelay {

// What the changes of one event share.
struct ChangeContext {
  Database& database;
  PortalId portal;
  TimePoint now;                   // when the event was received
  std::optional<std::int64_t> ts;  // the portal's clock
  EventSource source = EventSource::kWebhook;
  bool overtaken = false;  // see Likeness
};

// What a change did. `unchanged_because` is empty when it did something.
struct Changed {
  std::string unchanged_because;
};

// Each writes the rows of one change, its deliveries included, inside a writer's job.
// Errors: the database's.
Result<Changed> Apply(const ChangeContext& context, const MessageCreated& change);
Result<Changed> Apply(const ChangeContext& context, const MessageUpdated& change);
Result<Changed> Apply(const ChangeContext& context, const MessageDeleted& change);
Result<Changed> Apply(const ChangeContext& context, const DialogChanged& change);
Result<Changed> Apply(const ChangeContext& context, const LineDisconnected& change);
Result<Changed> Apply(const ChangeContext& context, const LineDeleted& change);
Result<Changed> Apply(const ChangeContext& context, const PortalUninstalled& change);

// Notes that the webhook brings a deletion which another source may have brought before.
Status NoteDeletionCame(const ChangeContext& context, const MessageDeleted& change);

}  // namespace imrelay
