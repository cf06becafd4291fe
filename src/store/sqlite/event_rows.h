#pragma once

#include "base/result.h"
#include "store/plan.h"
#include "store/sqlite/database.h"
#include "store/store.h"

namespace imrelay {

// Limits of what unproven installations may leave behind.
inline constexpr int kMaxWaitingEvents = 1000;                 // of one installation
inline constexpr std::int64_t kMaxWaitingBytes = 8 << 20;      // of one installation
inline constexpr std::int64_t kMaxAllWaitingBytes = 64 << 20;  // of all
inline constexpr int kMaxInstallations = 10000;                // outstanding, of all portals
inline constexpr int kMaxInstallationsOfPortal = 100;
inline constexpr int kMaxRejectedEvents = 1000;

// Writes a plan's rows, after `replan` where the portal has changed meanwhile. Runs inside a
// writer's job; an error leaves the undoing to it, and only the database's own come after a change.
// Errors: those of Store::Commit.
Result<Committed> ApplyPlan(Database& database, Plan& plan, const Store::Replan& replan);

// The journalled event of this key, if any.
Result<std::optional<EventId>> FindJournalled(Database& database, const EventKey& key);

// Journals one event. False when its key is known already.
// `portal` may be none, `waits_for` too.
Result<bool> InsertEvent(Database& database, const JournalEntry& journal, PortalId portal,
                         EventStatus status, std::optional<InstallationId> waits_for);

// The words of the schema.
const char* WordOf(EventStatus status);
const char* WordOf(EventSource source);

}  // namespace imrelay
