#pragma once

#include <string>

#include "bitrix24/authorization_server.h"
#include "crypto/keyring.h"
#include "domain/portal.h"

namespace imrelay {

// What an authorization server granted, sealed for the portal. `domain` is the authority of
// grant.client_endpoint.
ProvenInstallation SealGrant(const Keyring& keyring, const MemberId& member_id,
                             const TokenGrant& grant, const std::string& domain);

}  // namespace imrelay
