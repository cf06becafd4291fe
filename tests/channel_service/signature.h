#pragma once

#include <string>
#include <string_view>

namespace imrelay::channel_service {

// The base64 of HMAC-SHA256 over "id.timestamp.body" under a secret "whsec_" and base64: what
// stands behind "v1," in the header `webhook-signature`. Empty when the secret is none. Source:
// standard-webhooks, spec/standard-webhooks.md.
std::string Sign(std::string_view secret, std::string_view id, std::string_view timestamp,
                 std::string_view body);

// Whether one of the header's signatures, between blanks, is right under the secret.
bool Verifies(std::string_view header, std::string_view secret, std::string_view id,
              std::string_view timestamp, std::string_view body);

}  // namespace imrelay::channel_service
