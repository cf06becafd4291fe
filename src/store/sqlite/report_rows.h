#pragma once

#include "store/report.h"
#include "store/sqlite/database.h"

namespace imrelay {

// Store::Report on one connection.
Result<Table> ReportRows(Database& database, const ReportQuery& query);

}  // namespace imrelay
