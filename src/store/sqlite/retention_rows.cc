#include "store/sqlite/retention_rows.h"

#include <map>
#include <string>
#include <tuple>

#include "base/failpoint.h"

namespace imrelay {
namespace {

// No clock that is right is further ahead of another.
constexpr std::chrono::hours kClocksDiffer{24};

// Messages of a line and day, by the end they had.
using Ended = std::map<std::tuple<std::int64_t, std::int64_t, std::string>, std::int64_t>;

Result<int> EraseEvent(Database& database, std::int64_t id, std::int64_t before) {
  Status done = database.Prepare(sql::kEventErase).Bind(id).Bind(before).Run();
  if (!done) return Fail(std::move(done).error());
  if (database.changes() == 1) return 1;
  done = database.Prepare(sql::kEventForget).Bind(id).Bind(before).Run();
  if (!done) return Fail(std::move(done).error());
  return 0;
}

Result<int> EraseDelivery(Database& database, std::int64_t id, std::int64_t before, Ended& ended) {
  Statement& find = database.Prepare(sql::kDeliveryAged);
  Result<bool> row = find.Bind(id).Bind(before).Step();
  if (!row) return Fail(std::move(row).error());
  if (!*row) return 0;
  const bool needed = find.Integer(4) != 0;
  if (!needed && find.Text(0) == "message.created") {
    ++ended[{find.Integer(2), find.Integer(3) / 86400, find.Text(1)}];
  }
  Statement& end = database.Prepare(needed ? sql::kDeliveryForget : sql::kDeliveryErase);
  Status done = end.Bind(id).Run();
  if (done && needed) done = database.Prepare(sql::kAttemptsErase).Bind(id).Run();
  if (!done) return Fail(std::move(done).error());
  return needed ? 0 : 1;
}

}  // namespace

Result<AgedRows> FindAgedRows(Database& database, Aging table, std::int64_t after, TimePoint before,
                              TimePoint now, int limit) {
  Statement& find =
      database.Prepare(table == Aging::kEvents ? sql::kEventsAged : sql::kDeliveriesAged);
  find.Bind(after).Bind(UnixSeconds(before)).Bind(UnixSeconds(now + kClocksDiffer));
  find.Bind(std::int64_t{limit});
  AgedRows aged{{}, after, true};
  int rows = 0;
  bool all_young = true;
  while (true) {
    Result<bool> row = find.Step();
    if (!row) return Fail(std::move(row).error());
    if (!*row) break;
    ++rows;
    aged.last = find.Integer(0);
    if (find.Integer(1) != 0 && find.Integer(3) != 0) aged.ids.push_back(aged.last);
    all_young = all_young && find.Integer(2) == 0;
  }
  aged.end = rows < limit || all_young;
  return aged;
}

Result<int> EraseAgedRows(Database& database, Aging table, const std::vector<std::int64_t>& ids,
                          TimePoint before) {
  Ended ended;
  int erased = 0;
  for (const std::int64_t id : ids) {
    Result<int> gone = table == Aging::kEvents
                           ? EraseEvent(database, id, UnixSeconds(before))
                           : EraseDelivery(database, id, UnixSeconds(before), ended);
    if (!gone) return gone;
    erased += *gone;
  }
  Failpoint("store.retention_erased");
  for (const auto& [place, count] : ended) {
    const auto& [line, day, state] = place;
    Statement& tally = database.Prepare(sql::kTallyErased);
    Status counted = tally.Bind(line).Bind(day).Bind(state).Bind(count).Run();
    if (!counted) return Fail(std::move(counted).error());
  }
  return erased;
}

}  // namespace imrelay
