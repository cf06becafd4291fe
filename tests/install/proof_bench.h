#pragma once

#include <string>
#include <utility>

#include "base/secret.h"
#include "crypto/keyring.h"
#include "domain/portal.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_store.h"
#include "tests/fakes/temporary_directory.h"

namespace imrelay {

inline Keyring MakeKeyring(const std::string& path) {
  Result<Keyring> keyring = Keyring::OpenOrCreate(path);
  if (!keyring) std::abort();
  return *std::move(keyring);
}

// What a prover stands on besides the network, and the installations posted to it.
struct ProofBench {
  InstallationId Post(const std::string& member_id, const std::string& access_token,
                      const std::string& refresh_token,
                      const std::string& server_endpoint = "https://auth.example/rest/") {
    InstallationWork work;
    work.member_id = MemberId(member_id);
    work.sealed_access_token = Sealed("access_token", work.member_id, access_token);
    work.sealed_refresh_token = Sealed("refresh_token", work.member_id, refresh_token);
    work.server_endpoint = server_endpoint;
    work.received_at = clock.Now();
    return store.Add(std::move(work));
  }

  std::string Sealed(const char* what, const MemberId& member_id, const std::string& token) const {
    if (token.empty()) return {};
    return keyring.Seal(Secret(token), SealPurpose(what, member_id));
  }

  // The sealed text opened; "" when it does not open for this.
  std::string Opened(const char* what, const std::string& member_id,
                     const std::string& sealed) const {
    const Result<Secret> secret = keyring.Unseal(sealed, SealPurpose(what, MemberId(member_id)));
    return secret ? std::string(secret->Reveal()) : std::string();
  }

  TemporaryDirectory directory;
  Keyring keyring = MakeKeyring(directory.File("keys"));
  FakeClock clock;
  FakeStore store;
};

}  // namespace imrelay
