#pragma once

#include "admin/doctor.h"
#include "app/config.h"

namespace imrelay {

// What of a valid configuration would keep events away all the same.
Findings CheckConfiguration(const Config& config);

// The key file: it opens, belongs to the database, and opens the configuration's sealed values.
// Makes none.
Findings CheckKey(const Config& config);

}  // namespace imrelay
