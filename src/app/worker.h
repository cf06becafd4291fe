#pragma once

#include <string>

#include "app/config.h"
#include "base/result.h"

namespace imrelay {

// Runs the FastCGI worker until SIGTERM or SIGINT, then drains it. `listen` is the value of
// --listen; empty takes the socket this process inherited.
// Errors: kUnavailable when the database is away, kInvalidArgument when the configuration or the
// socket is at fault.
Status RunWorker(const Config& config, const std::string& listen);

}  // namespace imrelay
