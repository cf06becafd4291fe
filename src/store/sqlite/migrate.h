#pragma once

#include "base/result.h"
#include "store/sqlite/database.h"

namespace imrelay {

// The schema this program was built for.
int SchemaVersion();

// Brings the database to this version's schema; repeating it changes nothing, and two processes
// may do it at once. A newer schema is fine as long as its migrations were additive, so that the
// release before goes on while it drains. Returns how many migrations were applied.
// Errors: kInvalidArgument when the file is another program's, or its schema is one this program
// cannot work with; the message names the mend. kUnavailable when the database is.
Result<int> Migrate(Database& database);

// OK when this program can work with the schema as it is. Changes nothing.
// Errors: as Migrate; an older schema is kInvalidArgument with the reason kOldSchema.
inline constexpr const char* kOldSchema = "old_schema";
Status CheckSchema(Database& database);

}  // namespace imrelay
