#pragma once

#include <string>

#include "app/config.h"
#include "base/result.h"

namespace imrelay {

// Runs the FastCGI worker until SIGTERM or SIGINT, then drains it. `listen` is the value of
// --listen; empty takes the socket this process inherited.
// Errors: kUnavailable when the database is away or the system refuses the socket; kInvalidArgument
// when the configuration is at fault, or with kUsageReason (fastcgi_process.h) when `listen` is.
Status RunWorker(const Config& config, const std::string& listen);

}  // namespace imrelay
