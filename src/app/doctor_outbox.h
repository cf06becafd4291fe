#pragma once

#include "admin/doctor.h"
#include "app/config.h"

namespace imrelay {

// Looks at what is to be sent; see CheckOutbox. Nothing where the database cannot be used: other
// checks say so.
Findings CheckOutboxOf(const Config& config);

}  // namespace imrelay
