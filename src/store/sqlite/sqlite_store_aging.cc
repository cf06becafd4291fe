#include <algorithm>
#include <optional>
#include <utility>

#include "store/sqlite/portal_rows.h"
#include "store/sqlite/retention_rows.h"
#include "store/sqlite/sqlite_store_calls.h"

namespace imrelay {
namespace {

constexpr int kRowsLookedAt = 1000;
// What one commit erases: the requests beside it wait no longer for it than for each other.
constexpr std::ptrdiff_t kRowsErased = 100;

}  // namespace

Result<AgingWalk> SqliteStore::EraseAged(Aging table, std::int64_t after, TimePoint before,
                                         TimePoint now) {
  Result<AgedRows> aged = ReadSnapshot<AgedRows>([&](Database& database) {
    return FindAgedRows(database, table, after, before, now, kRowsLookedAt);
  });
  if (!aged) return Fail(std::move(aged).error());
  AgingWalk walk{aged->last, 0, aged->end};
  for (auto at = aged->ids.begin(); at != aged->ids.end();) {
    const auto end = at + std::min(kRowsErased, aged->ids.end() - at);
    const std::vector<std::int64_t> some(at, end);
    Result<int> erased = Write<int>(
        [&](Database& database) { return EraseAgedRows(database, table, some, before); });
    if (!erased) return Fail(std::move(erased).error());
    walk.erased += *erased;
    at = end;
  }
  return walk;
}

Result<ErasureCursor> SqliteStore::EraseSome(PortalId portal, Erasing why, ErasureCursor at) {
  return Write<ErasureCursor>(
      [&](Database& database) { return EraseStep(database, portal, why, at); });
}

Result<bool> SqliteStore::EraseNext() {
  std::optional<PortalId> portal;
  {
    Result<Reader> reader = Read();
    if (!reader) return Fail(std::move(reader).error());
    Statement& next = reader->database().Prepare(sql::kErasureNext);
    Result<bool> row = next.Step();
    if (!row) return Fail(std::move(row).error());
    if (!*row) {
      erased_portal_.reset();
      return false;
    }
    portal = PortalId(next.Integer(0));
  }
  if (erased_portal_ != portal) {
    erased_portal_ = portal;
    erased_up_to_ = {};
  }
  Result<ErasureCursor> at = EraseSome(*portal, Erasing::kClean, erased_up_to_);
  if (!at) return Fail(std::move(at).error());
  erased_up_to_ = *at;
  if (at->end) erased_portal_.reset();
  return true;
}

Status SqliteStore::RemovePortal(const MemberId& member_id, TimePoint now) {
  Result<PortalId> portal = Write<PortalId>(
      [&](Database& database) { return BeginRemovalRows(database, member_id, now); });
  if (!portal) return Fail(std::move(portal).error());
  ErasureCursor at;
  while (!at.end) {
    Result<ErasureCursor> next = EraseSome(*portal, Erasing::kRemoval, at);
    if (!next) return Fail(std::move(next).error());
    at = *next;
  }
  Result<std::optional<Portal>> left = FindPortal(member_id);
  if (!left) return Fail(std::move(left).error());
  if (!*left) return {};
  return Fail(ErrorCode::kConflict, "portal " + member_id.value() +
                                        " was installed again meanwhile; remove it once more");
}

}  // namespace imrelay
