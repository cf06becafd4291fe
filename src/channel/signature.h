#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"

namespace imrelay {

// The header `webhook-signature`: "v1," and the base64 of HMAC-SHA256 over "id.timestamp.body", one
// for each secret, with a blank between. Source: standard-webhooks, spec/standard-webhooks.md.
// Errors: kInvalidArgument when a secret is not "whsec_" and the base64 of 24 to 64 bytes.
Result<std::string> WebhookSignature(const std::vector<Secret>& secrets, std::string_view id,
                                     long long timestamp, std::string_view body);

}  // namespace imrelay
