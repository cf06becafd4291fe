#pragma once

#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "bitrix24/authorization_server.h"
#include "bitrix24/portal_calls.h"
#include "crypto/keyring.h"
#include "store/store.h"

namespace imrelay {

// Proves posted installations. Anyone can post an ONAPPINSTALL, so it is believed only when the
// authorization server, asked with our own client id and secret, gives tokens for the same
// member_id and the portal it names says that their user is an administrator.
// Source: bitrix24/b24restdocs, settings/oauth; b24phpsdk, guardValidateCurrentAuthToken.
class Prover {
 public:
  Prover(Store& store, const Keyring& keyring, AuthorizationServer& authorization_server,
         PortalCalls& portal_calls, ApplicationCredentials application, const Clock& clock);

  // Takes up the installation due longest, if any, and works on it until it is accepted, refused
  // or postponed. What it decided is durable on return, and logged. At most kProofsPerMinute are
  // begun in any minute. Returns whether there was one.
  // Errors: the store's.
  Result<bool> ProveOne();

 private:
  // (the implementer's)
};

// Bounds what forged installations can make us ask of the authorization server.
inline constexpr int kProofsPerMinute = 60;

}  // namespace imrelay
