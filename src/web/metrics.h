#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "web/http.h"

namespace imrelay {

// The answer to Prometheus, in its text format: what this process counted, and how many portals
// there are, by the status that the view `portals` shows.
Response MetricsAnswer(const std::map<std::string, std::int64_t>& portals);

}  // namespace imrelay
