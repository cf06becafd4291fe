#pragma once

#include <string_view>

#include "domain/delivery.h"

namespace imrelay {

// Counts a recorded settlement in the metrics. `target`: "channel", "confirmation" or "portal".
void CountSettled(std::string_view target, std::string_view kind, const Settlement& settlement);

}  // namespace imrelay
