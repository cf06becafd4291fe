#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "install/tokens.h"
#include "tests/fakes/fake_http_client.h"
#include "tests/fakes/forwarding_portal_store.h"
#include "tests/install/proof_bench.h"
#include "tests/store/store_bench.h"

namespace imrelay {

// A store that can be away when a new pair is to be kept.
struct SpoiledStore : ForwardingPortalStore {
  using ForwardingPortalStore::ForwardingPortalStore;
  Result<bool> ReplaceTokens(PortalId portal, std::int64_t chain, const ProvenInstallation& granted,
                             TimePoint now) override {
    if (away) return Fail(ErrorCode::kUnavailable, "the database is full");
    return ForwardingPortalStore::ReplaceTokens(portal, chain, granted, now);
  }
  bool away = false;
};

// Installed portals on a real store, with tokens that open.
struct PortalBench : StoreBench {
  // The pair "access-0" and "refresh-0" of a portal at https://portal.example/rest/, the access
  // token good for an hour.
  void InstallPortal(const std::string& member_id = "m1") {
    Accept(Post(member_id, 'a'), member_id, "access-0", "refresh-0",
           "https://portal.example/rest/");
  }
  void Accept(InstallationId id, const std::string& member_id, const std::string& access_token,
              const std::string& refresh_token, const std::string& endpoint,
              const std::string& server = "https://auth.example") {
    ProvenInstallation proven;
    proven.client_endpoint = endpoint;
    proven.domain = "portal.example";
    proven.sealed_access_token = Sealed("access_token", member_id, access_token);
    proven.sealed_refresh_token = Sealed("refresh_token", member_id, refresh_token);
    proven.token_expires_at = clock.Now() + std::chrono::hours(1);
    proven.server_endpoint = server;
    REQUIRE(store().AcceptInstallation(id, proven, clock.Now()));
  }
  std::string Sealed(const char* what, const std::string& member_id, const std::string& token) {
    return keyring.Seal(Secret(token), SealPurpose(what, MemberId(member_id)));
  }
  PortalAccess Row(const std::string& member_id = "m1") {
    const Result<std::optional<PortalAccess>> access = portals.FindAccess(MemberId(member_id));
    REQUIRE(access.has_value());
    REQUIRE(access->has_value());
    return **access;
  }
  std::string RefreshTokenOfRow() {
    const Result<Secret> token =
        keyring.Unseal(Row().sealed_refresh_token, SealPurpose("refresh_token", MemberId("m1")));
    return token ? std::string(token->Reveal()) : "does not open";
  }

  Keyring keyring = MakeKeyring(path() + "-key");
  SpoiledStore portals{static_cast<SqliteStore&>(store())};
};

// The same with scripted servers.
struct TokensBench : PortalBench {
  static constexpr const char* kTokenUrl = "https://auth.example/oauth/token/";

  // What the authorization server answers next.
  void Grant(const std::string& number, const std::string& member_id = "m1",
             const std::string& endpoint = "https://portal.example/rest/") {
    const std::int64_t expires = UnixSeconds(clock.Now()) + 3600;
    http.Answer(kTokenUrl, 200,
                R"({"access_token":"access-)" + number + R"(","refresh_token":"refresh-)" + number +
                    R"(","member_id":")" + member_id + R"(","client_endpoint":")" + endpoint +
                    R"(","scope":"imopenlines","expires":)" + std::to_string(expires) + "}");
  }
  void Restart(Applications applications = {{"", {"our-id", Secret("our-secret")}}}) {
    tokens.reset();
    tokens.emplace(portals, keyring, server, std::move(applications), path() + "-tokens", clock);
  }
  // The access token, or the reason of the error.
  std::string Get(const std::string& member_id = "m1") {
    return WordOf(tokens->Get(MemberId(member_id)));
  }
  std::string Renew(std::int64_t chain) { return WordOf(tokens->Renew(MemberId("m1"), chain)); }
  static std::string WordOf(const Result<Tokens::Access>& access) {
    if (access) return std::string(access->access_token.Reveal());
    const bool coded = access.error().code == ErrorCode::kUnavailable;
    return (coded ? "unavailable: " : "") + access.error().reason;
  }
  std::size_t Refreshes() const { return http.sent.size(); }

  FakeHttpClient http;
  AuthorizationServer server{http, {"https://auth.example"}};
  std::optional<Tokens> tokens;
};

}  // namespace imrelay
