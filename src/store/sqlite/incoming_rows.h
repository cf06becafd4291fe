#pragma once

#include "base/result.h"
#include "store/channel_store.h"
#include "store/sqlite/database.h"

namespace imrelay {

// ChannelStore::QueueIncoming inside a writer's job.
Result<Queued> QueueIncomingRows(Database& database, const ChannelRequest& request,
                                 const IncomingMessage& message);

}  // namespace imrelay
