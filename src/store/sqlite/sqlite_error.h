#pragma once

#include <string>

#include "base/result.h"

namespace imrelay {

// What a result code of SQLite's means to us, `doing` in front. Without sqlite3_errmsg(), which can
// quote values: only the code's own words are used. The reason is kDatabaseDamaged where that is
// it.
Error ErrorOf(int sqlite_code, const std::string& doing);

}  // namespace imrelay
