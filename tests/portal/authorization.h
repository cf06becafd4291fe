#pragma once

#include <string>

#include "codec/tree.h"
#include "tests/portal/cloud.h"

namespace imrelay::stand_in {

// What the authorization server answers. Errors as b24restdocs, settings/oauth/error-codes.md,
// names them.

// /oauth/token/: `secret` becomes "right" or "wrong", `member_id` the portal's once it is known.
Reply RefreshTokens(Cloud& cloud, const Tree& parameters, std::string& secret,
                    std::string& member_id);

// /rest/app.info of an access token: the shape that bitrix24/b24pysdk and the vendor's own starter
// kits read, for want of a documented one.
Reply TokenInfo(Cloud& cloud, const std::string& access_token);

// What the token endpoint answers.
PhpValue Describe(const Cloud& cloud, const Portal& portal, const TokenPair& pair);

// Refuses an access token that does not work: status 200 when it does.
Reply CheckAccess(const Cloud& cloud, const std::string& access_token);

}  // namespace imrelay::stand_in
