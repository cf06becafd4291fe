#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "bitrix24/authorization_server.h"
#include "bitrix24/portal_calls.h"
#include "crypto/keyring.h"
#include "domain/portal.h"
#include "install/applications.h"
#include "store/store.h"

namespace imrelay {

// Proves posted installations. Anyone can post an ONAPPINSTALL, so it is believed only when the
// authorization server, asked with our own client id and secret, gives tokens for the same
// member_id and the portal it names says that their user is an administrator.
// Source: bitrix24/b24restdocs, settings/oauth; b24phpsdk, guardValidateCurrentAuthToken.
//
// A refresh token works once. What it brought is committed before anything else is asked; where it
// was lost before that (a crash, an answer cut on its way) the posted access token is proven by
// app.info instead: the portal is then known, but its application has to be opened there again.
//
// Not thread-safe, and one process at a time: the caller sees to it.
class Prover {
 public:
  Prover(Store& store, const Keyring& keyring, AuthorizationServer& authorization_server,
         PortalCalls& portal_calls, Applications applications, const Clock& clock);

  // Takes up the installation due longest, if any, and works on it until it is accepted, refused
  // or postponed. What it decided is durable on return, and logged. At most kProofsPerMinute are
  // begun in any minute. Returns whether there was one.
  // Errors: the store's. The installation is due again at once.
  Result<bool> ProveOne();

 private:
  struct Verdict;

  bool MayBegin(TimePoint now);
  Result<Verdict> Prove(InstallationWork work);
  // Of the application the installation was posted to; null when it is not configured.
  const ApplicationCredentials* CredentialsFor(const InstallationWork& work) const;
  Verdict AfterRefusal(const InstallationWork& work, const Error& refusal);
  Status Keep(InstallationWork& work, ProvenInstallation granted);
  Verdict Confirm(const InstallationWork& work, const ProvenInstallation& granted);
  Verdict ProveByAccessToken(const InstallationWork& work);
  Verdict CheckAdministrator(ProvenInstallation proven, const Secret& access_token);
  Status Settle(const InstallationWork& work, const Verdict& verdict);
  Status Postpone(const InstallationWork& work, const std::string& reason, TimePoint now);

  Store& store_;
  const Keyring& keyring_;
  AuthorizationServer& authorization_server_;
  PortalCalls& portal_calls_;
  const Applications applications_;
  const Clock& clock_;
  // Granted while the database was away.
  std::map<InstallationId, ProvenInstallation> held_;
  std::deque<TimePoint> begun_;  // proofs of the last minute
};

// Bounds what forged installations can make us ask of the authorization server.
inline constexpr int kProofsPerMinute = 240;

// How long an installation is tried while the authorization server or the portal is away.
inline constexpr std::chrono::hours kOldestInstallation{7 * 24};

}  // namespace imrelay
