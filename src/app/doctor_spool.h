#pragma once

#include "admin/doctor.h"
#include "app/config.h"

namespace imrelay {

// Looks at the spool: whether it can be written, and what waits in it.
Findings CheckSpoolOf(const Config& config);

}  // namespace imrelay
