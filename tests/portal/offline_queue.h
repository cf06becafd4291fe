#pragma once

#include <string>

#include "codec/tree.h"
#include "tests/portal/portal.h"
#include "tests/portal/reply.h"

namespace imrelay::stand_in {

// The offline events of an application in a portal. Source: rest/lib/api/event.php and
// rest/lib/eventoffline.php, as the protocol's documentation tells them.

// Keeps one; the same data again is the same row.
void AddToOfflineQueue(Portal& portal, Installation& installation, const std::string& event,
                       const PhpValue& data, std::int64_t user_id,
                       const std::string& auth_connector);

// The four methods, for an administrator who may use them.
Reply OfflineList(Portal& portal, Installation& installation, const Tree& parameters);
Reply OfflineGet(Portal& portal, Installation& installation, const Tree& parameters);
Reply OfflineClear(Portal& portal, Installation& installation, const Tree& parameters);
Reply OfflineError(Portal& portal, Installation& installation, const Tree& parameters);

}  // namespace imrelay::stand_in
