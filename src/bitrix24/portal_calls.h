#pragma once

#include <string>

#include "base/result.h"
#include "base/secret.h"
#include "http/client.h"

namespace imrelay {

// REST calls to a portal: JSON bodies, the token in `auth`. Thread-safe when the client is.
class PortalCalls {
 public:
  explicit PortalCalls(HttpClient& http);

  // Whether the token's user is an administrator of the portal: method `profile`, field ADMIN.
  // `client_endpoint` must come from the authorization server.
  // Errors: kUnavailable: ask again later; kUnauthenticated: the portal refuses the token (reason:
  // its error word in lower case), or lives at an address nobody may make us call
  // (address_refused).
  Result<bool> IsAdministrator(const std::string& client_endpoint, const Secret& access_token);

 private:
  HttpClient& http_;
};

}  // namespace imrelay
