#pragma once

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <utility>

#include "install/prover.h"
#include "tests/fakes/fake_http_client.h"
#include "tests/install/proof_bench.h"

namespace imrelay {

using State = FakeStore::State;

inline constexpr const char* kToken = "https://auth.example/oauth/token/";
inline constexpr const char* kAppInfo = "https://auth.example/rest/app.info";
inline constexpr const char* kProfile = "https://portal.example:8443/rest/profile";
inline constexpr const char* kOldProfile = "https://portal.example/rest/profile";
inline constexpr const char* kInvalidGrant = R"({"error":"invalid_grant"})";
inline constexpr const char* kAdmin = R"({"result":{"ID":"1","ADMIN":true}})";

inline std::string GrantFor(const std::string& member_id, const std::string& number = "1") {
  return R"({"access_token":"access-)" + number + R"(","refresh_token":"refresh-)" + number +
         R"(","member_id":")" + member_id +
         R"(","client_endpoint":"https://Portal.example:8443/rest/","scope":"imopenlines",)"
         R"("expires":1773752400})";
}

inline std::string OwnerOf(const std::string& member_id, const std::string& client_id = "our-id") {
  return R"({"result":{"client_id":")" + client_id +
         R"(","install":{"uri":"https://portal.example","member_id":")" + member_id + R"("}}})";
}

// A prover on a store in memory, with scripted servers.
struct Bench : ProofBench {
  // As a process that starts: it knows nothing that is not in the store.
  void Restart(Applications applications = {{"", {"our-id", Secret("our-secret")}}}) {
    prover.emplace(store, keyring, server, calls, std::move(applications), clock);
  }
  Bench() { Restart(); }

  bool ProveOne() {
    const Result<bool> proved = prover->ProveOne();
    REQUIRE(proved.has_value());
    return *proved;
  }

  FakeHttpClient http;
  AuthorizationServer server{http, {"https://auth.example"}};
  PortalCalls calls{http, clock};
  std::optional<Prover> prover;
};

}  // namespace imrelay
