#pragma once

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "install/prover.h"
#include "install/visits.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/fakes/fake_http_client.h"
#include "tests/install/proof_bench.h"
#include "tests/store/store_bench.h"

namespace imrelay {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

inline constexpr milliseconds kNoPatience{0};
inline constexpr seconds kPatience{60};
inline constexpr const char* kTokenUrl = "https://auth.example/oauth/token/";
inline constexpr const char* kProfile = "https://m1.example/rest/profile";
inline constexpr const char* kList = "https://m1.example/rest/imconnector.list";
inline constexpr const char* kAppInfo = "https://auth.example/rest/app.info";
inline constexpr const char* kAdmin = R"({"result":{"ID":"7","ADMIN":true}})";
inline constexpr const char* kUser = R"({"result":{"ID":"8","ADMIN":false}})";
inline constexpr const char* kConnectors = R"({"result":{"imrelay":"imrelay"}})";

inline const Applications kApplications{{"", {"our-id", Secret("our-secret")}},
                                        {"shop", {"shop-id", Secret("shop-secret")}}};

inline std::unique_ptr<SqliteStore> Reopen(const std::string& path) {
  Result<std::unique_ptr<SqliteStore>> store = SqliteStore::OpenExisting(path);
  REQUIRE(store.has_value());
  return *std::move(store);
}

// Visits over a real store, with scripted servers.
struct VisitsBench : StoreBench {
  // A pair of tokens, and that the authorization server takes it.
  PageOpening Opening(const std::string& number = "1") {
    PageOpening opening;
    opening.member_id = MemberId("m1");
    opening.access_token = Secret("access-" + number);
    opening.refresh_token = Secret("refresh-" + number);
    opening.application_token = Secret("app-token");
    opening.server_endpoint = "https://attacker.example/rest/";
    opening.connector = "imrelay";
    opening.line = LineId(7);
    opening.language = "ru";
    return opening;
  }
  void AnswerProof(const std::string& user = kAdmin, const std::string& member_id = "m1") {
    http.Answer(kTokenUrl, 200,
                R"({"access_token":"granted","refresh_token":"granted-r","member_id":")" +
                    member_id +
                    R"(","client_endpoint":"https://m1.example/rest/","scope":"imopenlines",)"
                    R"("expires":4102444800})");
    http.Answer(kProfile, 200, user);
  }
  void AnswerVisit(const std::string& user, const std::string& list = kConnectors) {
    http.Answer(kProfile, 200, user);
    http.Answer(kList, 200, list);
  }
  // Installs with the prover beside, as in the worker.
  Result<Visitor> InstallProving(const PageOpening& opening) {
    return Proving([&] { return visits.Install(opening, kPatience); });
  }
  template <class Ask>
  Result<Visitor> Proving(Ask ask) {
    std::atomic<bool> stop = false;
    std::thread proofs([&] {
      while (!stop) {
        if (const Result<bool> proved = prover.ProveOne(); !proved || !*proved) {
          std::this_thread::sleep_for(milliseconds(1));
        }
      }
    });
    Result<Visitor> visitor = ask();
    stop = true;
    proofs.join();
    return visitor;
  }
  // Whose the authorization server says that a visitor's token is.
  void AnswerOwner(const std::string& client_id, const std::string& member_id) {
    http.Answer(kAppInfo, 200,
                R"({"result":{"client_id":")" + client_id + R"(","install":{"member_id":")" +
                    member_id + R"(","uri":"https://m1.example"}}})");
  }
  void MarkDead() {
    const PortalAccess portal = Access();
    REQUIRE(portals->MarkDead(portal.id, portal.chain, "invalid_grant", clock.Now()).has_value());
  }
  PortalAccess Access() {
    const Result<std::optional<PortalAccess>> access = portals->FindAccess(MemberId("m1"));
    REQUIRE(access.has_value());
    REQUIRE(access->has_value());
    return **access;
  }
  std::string WordOf(const Result<Visitor>& visitor) {
    if (visitor) return "user " + std::to_string(visitor->user_id);
    const bool refused = visitor.error().code == ErrorCode::kUnauthenticated;
    const bool later = visitor.error().code == ErrorCode::kUnavailable;
    return (refused ? "refused: " : later ? "later: " : "error: ") + visitor.error().reason;
  }

  TemporaryDirectory keys;
  Keyring keyring = MakeKeyring(keys.File("keys"));
  std::unique_ptr<SqliteStore> portals = Reopen(path());
  FakeHttpClient http;
  AuthorizationServer server{http, {"https://auth.example"}};
  PortalCalls calls{http, clock};
  Prover prover{store(), keyring, server, calls, kApplications, clock};
  Visits visits{store(), *portals, keyring, server, calls, kApplications, clock};
};

}  // namespace imrelay
