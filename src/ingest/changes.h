#pragma once

#include <vector>

#include "domain/event.h"
#include "store/plan.h"

namespace imrelay {

// The changes an authentic, usable event asks for; none for events that are only journalled.
std::vector<Change> ChangesOf(const Event& event);

}  // namespace imrelay
