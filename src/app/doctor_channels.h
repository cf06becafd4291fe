#pragma once

#include "admin/doctor.h"
#include "app/config.h"
#include "base/clock.h"
#include "http/client.h"

namespace imrelay {

// What the channels' configuration leaves open.
Findings CheckChannelSettings(const Config& config);

// Whether the channels' services can be reached, over TLS where they should. Sends each a HEAD
// without any secret; `own` may call anything: it is given the operator's own addresses only.
Findings CheckChannelServices(const Config& config, HttpClient& own, const Clock& clock);

}  // namespace imrelay
