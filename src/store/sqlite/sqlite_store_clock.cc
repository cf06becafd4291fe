#include <array>
#include <vector>

#include "store/sqlite/sqlite_store_calls.h"

namespace imrelay {
namespace {

constexpr std::int64_t kRowsAtATime = 1000;

struct Ahead {
  std::vector<std::int64_t> deliveries;
  bool others = false;
};

Result<Ahead> FindAhead(Database& database, TimePoint now) {
  Ahead ahead;
  Statement& find = database.Prepare(sql::kAheadDeliveries);
  find.Bind(UnixMilliseconds(now)).Bind(kRowsAtATime);
  while (true) {
    Result<bool> row = find.Step();
    if (!row) return Fail(std::move(row).error());
    if (!*row) break;
    ahead.deliveries.push_back(find.Integer(0));
  }
  Statement& any = database.Prepare(sql::kAheadAny);
  Result<bool> row = any.Bind(UnixMilliseconds(now)).Step();
  if (!row) return Fail(std::move(row).error());
  ahead.others = any.Integer(0) != 0;
  return ahead;
}

Status MakeDue(Database& database, const Ahead& ahead, TimePoint now) {
  for (const std::int64_t id : ahead.deliveries) {
    Statement& due = database.Prepare(sql::kAheadDelivery);
    if (Status done = due.Bind(id).Bind(UnixMilliseconds(now)).Run(); !done) return done;
  }
  if (!ahead.deliveries.empty()) database.NoteQueued();
  if (!ahead.others) return {};
  for (const sql::Query* query :
       {&sql::kAheadInstallations, &sql::kAheadOfflineReads, &sql::kAheadReadbacks}) {
    Status done = database.Prepare(*query).Bind(UnixMilliseconds(now)).Run();
    if (!done) return done;
  }
  return {};
}

}  // namespace

Result<bool> SqliteStore::MakeAheadDue(TimePoint now) {
  // Looked at first without writing, because there hardly ever is any.
  Result<Ahead> ahead =
      ReadSnapshot<Ahead>([&](Database& database) { return FindAhead(database, now); });
  if (!ahead) return Fail(std::move(ahead).error());
  if (ahead->deliveries.empty() && !ahead->others) return false;
  Status done = writer_.Run([&](Database& database) { return MakeDue(database, *ahead, now); });
  if (!done) return Fail(std::move(done).error());
  return std::ssize(ahead->deliveries) == kRowsAtATime;
}

}  // namespace imrelay
