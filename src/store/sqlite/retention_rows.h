#pragma once

#include <cstdint>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "store/retention.h"
#include "store/sqlite/database.h"

namespace imrelay {

// What of one table is too old, from one row on.
struct AgedRows {
  std::vector<std::int64_t> ids;
  std::int64_t last = 0;  // that was looked at
  bool end = false;       // of the table, or of what is old in it
};

// Looks at the `limit` rows behind `after`. What is old is before `before`.
Result<AgedRows> FindAgedRows(Database& database, Aging table, std::int64_t after, TimePoint before,
                              TimePoint now, int limit);

// Erases those rows, as far as they still are old and nothing needs them. Returns how many went.
Result<int> EraseAgedRows(Database& database, Aging table, const std::vector<std::int64_t>& ids,
                          TimePoint before);

}  // namespace imrelay
