#pragma once

#include <chrono>
#include <string>

#include "admin/doctor.h"

namespace imrelay {

// Looks at the database: there, whole, of this program's schema, writable now, room for more.
// Looking for damage takes `longest` at most.
Findings CheckDatabase(const std::string& path, std::chrono::milliseconds longest);

// The check that fails while nothing can be written, as in a locked database.
inline constexpr const char* kWritingCheck = "writing";

// The remedies. Each tells what it did. Errors: those of the database.
Result<std::string> MigrateDatabase(const std::string& path);
Result<std::string> EmptyDatabaseLog(const std::string& path);

// The worker begins the log anew at 64 MiB; one this large is one that somebody keeps from it.
inline constexpr std::int64_t kLogTooLarge = std::int64_t{128} << 20;
inline constexpr std::int64_t kLittleRoom = std::int64_t{1} << 30;
// Half of the file, and at least this much, is worth a VACUUM.
inline constexpr std::int64_t kManyFreeBytes = std::int64_t{64} << 20;
inline constexpr std::int64_t kNoRoom = std::int64_t{128} << 20;

}  // namespace imrelay
