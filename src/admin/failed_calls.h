#pragma once

#include <string>

#include "admin/doctor.h"
#include "install/portal_api.h"

namespace imrelay {

// A call to a portal that failed, as a finding with what it asks of a person.
Finding OfFailure(const std::string& check, const std::string& subject, const CallError& error);

// What brings a dead portal back.
inline constexpr const char* kOpenOnce =
    "as an administrator, open the application in Bitrix24 once: that brings new tokens";

}  // namespace imrelay
