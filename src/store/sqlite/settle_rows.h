#pragma once

#include "base/result.h"
#include "domain/delivery.h"
#include "store/outbox.h"
#include "store/sqlite/database.h"

namespace imrelay {

// Records, inside a writer's job, what became of a delivery that `holder` had taken up; see
// Outbox::Turn.
Status SettleRow(Database& database, const Settlement& settled, LeaseHolder holder, TimePoint now);

}  // namespace imrelay
