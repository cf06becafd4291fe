#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "admin/portal_checks.h"

namespace imrelay {

// When the sights below were taken.
inline const TimePoint kSightTaken = FromUnixSeconds(1'800'000'000);

// A portal with which all is well.
PortalSight WellPortal();

// What may be wrong with one, and what is to be said of it.
struct PlantedFault {
  const char* name;
  std::function<void(PortalSight&)> plant;
  const char* check;
  Finding::Level level;
  const char* words;
  const char* mend;
  std::optional<Remedy::Act> remedy;
};
const std::vector<PlantedFault>& PlantedPortalFaults();

}  // namespace imrelay
