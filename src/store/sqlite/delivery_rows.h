#pragma once

#include <vector>

#include "base/result.h"
#include "store/channel_store.h"
#include "store/sqlite/database.h"

namespace imrelay {

// The delivery numbers that `find` gives, to its end.
Result<std::vector<DeliveryId>> TakeDeliveryIds(Statement& find);

// ChannelStore::RetryDelivery and CancelDelivery inside a writer's job.
Status RetryRow(Database& database, DeliveryId id, TimePoint now);
Status CancelRow(Database& database, DeliveryId id, TimePoint now);

// Ends a delivery that is pending or failed as cancelled, with `reason` as its last_error; one that
// created a message takes the edits that wait behind it along. Any other stays as it is.
Status CancelOne(Database& database, DeliveryId id, const char* reason, TimePoint now);

// The next failed deliveries behind `after` that match, up to `limit`, oldest first.
Result<std::vector<DeliveryId>> FindFailed(Database& database, const ReportQuery& which,
                                           DeliveryId after, int limit);

// ChannelStore::FindLevels on one connection.
Result<OutboxLevels> FindLevelRows(Database& database);

}  // namespace imrelay
