#pragma once

#include "app/config.h"
#include "app/settings.h"
#include "base/result.h"

namespace imrelay {

// What the sections [bitrix24], [[application]] and [connector] say, into `config`, whose
// allow_insecure_loopback is read already. Errors: as LoadConfig.
Status ReadBitrix24(const Settings& settings, Config& config);
Status ReadConnector(const Settings& settings, Config& config);

}  // namespace imrelay
