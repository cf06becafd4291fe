#pragma once

#include "admin/doctor.h"
#include "app/config.h"

namespace imrelay {

// Asks every portal that installed an application what CheckPortal judges, and with `fix` carries
// out its remedies. Nothing where the database or the key file cannot be used: other checks say so.
Findings CheckPortals(const Config& config, bool fix);

}  // namespace imrelay
