#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/secret.h"
#include "bitrix24/call.h"
#include "http/client.h"

namespace imrelay {

// Who a token belongs to at its portal.
struct TokenUser {
  std::int64_t user_id = 0;
  bool administrator = false;
};

// REST calls to a portal: JSON bodies, the token in `auth`. Each sends once, waits for nothing and
// follows nothing. Thread-safe when the client is.
class PortalCalls {
 public:
  PortalCalls(HttpClient& http, const Clock& clock);

  // `client_endpoint` must come from the authorization server. One that nobody may make us call is
  // kForbidden, address_refused. What is no method's name ([a-z0-9._]) or no JSON object is
  // kPermanent, bad_method or bad_parameters, and is not sent.
  CallResult Send(const std::string& client_endpoint, const Secret& access_token, const Call& call);

  // The token's user: method `profile`, fields ID and ADMIN.
  CallResultOf<TokenUser> Profile(const std::string& client_endpoint, const Secret& access_token);

 private:
  HttpClient& http_;
  const Clock& clock_;
};

}  // namespace imrelay
