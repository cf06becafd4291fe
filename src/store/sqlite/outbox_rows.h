#pragma once

#include <vector>

#include "base/result.h"
#include "store/outbox.h"
#include "store/sqlite/database.h"

namespace imrelay {

// The rows behind Outbox. Those that find run on any connection, the others inside a writer's job.
// Meanings and errors are those of the interface.
Result<std::vector<ReadyQueue>> FindReadyRows(Database& database, Target target);
Result<std::vector<EndpointState>> FindEndpointRows(Database& database);
Status SetEndpointRow(Database& database, const EndpointState& state);
Result<bool> ReplaceEndpointRow(Database& database, const EndpointState& known,
                                const EndpointState& state);

// Whether a lease ran out, or TakeRows would find something.
Result<bool> FindDueRows(Database& database, Target target, const std::vector<Ask>& asks,
                         TimePoint now);
// Makes pending again what leases that ran out held.
Status TakeBackRows(Database& database, TimePoint now);
Result<std::vector<Delivery>> TakeRows(Database& database, Target target,
                                       const std::vector<Ask>& asks, LeaseHolder holder,
                                       TimePoint now);

// What `holder` held is pending again.
Status ReleaseRows(Database& database, LeaseHolder holder);

}  // namespace imrelay
