#include "store/sqlite/erasure_rows.h"

#include <array>
#include <span>
#include <string>

#include "base/failpoint.h"

namespace imrelay {
namespace {

constexpr std::int64_t kRowsAtATime = 1000;
constexpr std::int64_t kLast = std::numeric_limits<std::int64_t>::max();

// A table, walked through by its numbers.
struct Stage {
  const sql::Query* bound;  // finds the number that a step goes up to
  const sql::Query* erase;
};

// In this order: what a statement keeps it knows by the rows of the tables behind it.
constexpr std::array kClean{Stage{&sql::kMessageBound, &sql::kEraseMessages},
                            Stage{&sql::kEventBound, &sql::kEraseEventBodies},
                            Stage{&sql::kDeliveryBound, &sql::kEraseDeliveries},
                            Stage{&sql::kChatBound, &sql::kEraseChats}};
constexpr std::array kRemoval{Stage{&sql::kDeliveryBound, &sql::kEraseAllDeliveries},
                              Stage{&sql::kMessageBound, &sql::kEraseMessages},
                              Stage{&sql::kEventBound, &sql::kEraseEvents},
                              Stage{&sql::kChatBound, &sql::kEraseChats}};

std::span<const Stage> StagesOf(Erasing why) {
  return why == Erasing::kClean ? std::span<const Stage>(kClean) : std::span<const Stage>(kRemoval);
}

Status RunEach(Database& database, PortalId portal, std::span<const sql::Query* const> queries) {
  for (const sql::Query* query : queries) {
    Status done = database.Prepare(*query).Bind(portal.value()).Run();
    if (!done) return done;
  }
  return {};
}

// Runs an erasing statement; rows that it returns are messages, with the time of their deletion.
// Returns how many came.
Result<std::int64_t> RunCounted(Database& database, Statement& erase) {
  std::int64_t messages = 0;
  std::int64_t deletions = 0;
  while (true) {
    Result<bool> row = erase.Step();
    if (!row) return Fail(std::move(row).error());
    if (!*row) break;
    ++messages;
    if (!erase.IsNull(0)) ++deletions;
  }
  if (messages == 0) return 0;
  Status counted = database.Prepare(sql::kErasedCount).Bind(messages).Bind(deletions).Run();
  if (!counted) return Fail(std::move(counted).error());
  return messages;
}

Result<ErasureCursor> StepThrough(Database& database, PortalId portal, const Stage& stage,
                                  ErasureCursor at) {
  Statement& bound = database.Prepare(*stage.bound);
  bound.Bind(portal.value()).Bind(at.after).Bind(kRowsAtATime - 1);
  Result<bool> more = bound.Step();
  if (!more) return Fail(std::move(more).error());
  const std::int64_t up_to = *more ? bound.Integer(0) : kLast;
  Statement& erase = database.Prepare(*stage.erase);
  erase.Bind(portal.value()).Bind(at.after).Bind(up_to);
  Result<std::int64_t> erased = RunCounted(database, erase);
  if (!erased) return Fail(std::move(erased).error());
  at.after = *more ? up_to : ErasureCursor().after;
  if (!*more) ++at.stage;
  return at;
}

Status EndErasure(Database& database, PortalId portal, Erasing why) {
  static constexpr std::array kEnd{&sql::kEraseTally, &sql::kEraseRefusals, &sql::kErasureEnd};
  if (Status done = RunEach(database, portal, kEnd); !done) return done;
  if (why == Erasing::kClean) return {};
  // What was posted meanwhile goes too.
  static constexpr std::array kInstallations{&sql::kEraseInstallations};
  Status done = RunEach(database, portal, kInstallations);
  Statement& events = database.Prepare(sql::kEraseEvents);
  events.Bind(portal.value()).Bind(std::numeric_limits<std::int64_t>::min()).Bind(kLast);
  if (done) done = events.Run();
  static constexpr std::array kItself{&sql::kEraseLines, &sql::kPortalRemove};
  return done ? RunEach(database, portal, kItself) : done;
}

}  // namespace

Status BeginErasure(Database& database, PortalId portal) {
  static constexpr std::array kAtOnce{&sql::kPortalEraseTokens, &sql::kEraseChannelRequests,
                                      &sql::kEraseOpenDeliveries, &sql::kErasePayloads,
                                      &sql::kErasureBegin};
  return RunEach(database, portal, kAtOnce);
}

Result<ErasureCursor> EraseStep(Database& database, PortalId portal, Erasing why,
                                ErasureCursor at) {
  Statement& find = database.Prepare(sql::kErasureChain);
  Result<bool> uninstalled = find.Bind(portal.value()).Step();
  if (!uninstalled) return Fail(std::move(uninstalled).error());
  if (!*uninstalled) {
    // The release before, which ends no erasure, took an installation in.
    Status ended = database.Prepare(sql::kErasureEnd).Bind(portal.value()).Run();
    if (!ended) return Fail(std::move(ended).error());
    at.end = true;
    return at;
  }
  if (const std::int64_t chain = find.Integer(0); at.chain != chain) {
    at = {};
    at.chain = chain;
  }
  Failpoint("store.erasure_step");
  const std::span<const Stage> stages = StagesOf(why);
  if (at.stage < stages.size()) return StepThrough(database, portal, stages[at.stage], at);
  Statement& incoming = database.Prepare(sql::kEraseIncoming);
  Result<std::int64_t> erased =
      RunCounted(database, incoming.Bind(portal.value()).Bind(kRowsAtATime));
  if (!erased) return Fail(std::move(erased).error());
  if (*erased == kRowsAtATime) return at;
  if (Status ended = EndErasure(database, portal, why); !ended) {
    return Fail(std::move(ended).error());
  }
  at.end = true;
  return at;
}

Status EraseLittle(Database& database, PortalId portal) {
  for (const Stage& stage : kClean) {
    Statement& bound = database.Prepare(*stage.bound);
    bound.Bind(portal.value()).Bind(ErasureCursor{}.after).Bind(kRowsAtATime - 1);
    Result<bool> many = bound.Step();
    if (!many) return Fail(std::move(many).error());
    if (*many) return {};
  }
  database.ResetStatements();
  ErasureCursor at;
  for (std::size_t step = 0; step <= kClean.size() && !at.end; ++step) {
    Result<ErasureCursor> next = EraseStep(database, portal, Erasing::kClean, at);
    if (!next) return Fail(std::move(next).error());
    at = *next;
  }
  return {};
}

Status FinishErasure(Database& database, PortalId portal) {
  Result<bool> under_way = database.Prepare(sql::kErasureFind).Bind(portal.value()).Step();
  if (!under_way) return Fail(std::move(under_way).error());
  if (!*under_way) return {};
  ErasureCursor at;
  while (!at.end) {
    Result<ErasureCursor> next = EraseStep(database, portal, Erasing::kClean, at);
    if (!next) return Fail(std::move(next).error());
    at = *next;
  }
  return {};
}

}  // namespace imrelay
