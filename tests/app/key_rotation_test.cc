#include "app/key_rotation.h"

#include <doctest/doctest.h>

#include <atomic>
#include <optional>
#include <string>
#include <thread>

#include "app/service.h"
#include "base/await.h"
#include "base/file_lock.h"
#include "crypto/digest.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/temporary_directory.h"

namespace imrelay {
namespace {

using std::chrono::hours;

struct Bench {
  Bench() {
    config.database_path = directory.File("imrelay.db");
    config.key_file = directory.File("imrelay.key");
    Result<Service> opened = OpenService(config);
    REQUIRE(opened.has_value());
    service.emplace(*std::move(opened));
  }
  std::string Sealed(const char* what, const MemberId& member_id, const std::string& token) {
    return service->keyring.Seal(Secret(token), SealPurpose(what, member_id));
  }
  // Posts an installation with tokens "access NAME", "refresh NAME", and has it accepted.
  void Install(const std::string& name, bool accept = true) {
    const MemberId member_id(name);
    InstallationRequest request;
    request.journal.key = Digest(std::initializer_list<std::string_view>{name});
    request.journal.name = "ONAPPINSTALL";
    request.journal.received_at = clock.Now();
    request.member_id = member_id;
    request.sealed_access_token = Sealed("access_token", member_id, "access " + name);
    request.sealed_refresh_token = Sealed("refresh_token", member_id, "refresh " + name);
    ProvenInstallation proven;
    proven.sealed_access_token = request.sealed_access_token;
    proven.sealed_refresh_token = request.sealed_refresh_token;
    const Result<Committed> added = Await<Result<Committed>>([&](Store::Done done) {
      service->store->AddInstallation(std::move(request), std::move(done));
    });
    REQUIRE(added.has_value());
    if (!accept) return;
    const auto portal = service->store->FindPortal(member_id);
    REQUIRE(portal.has_value());
    REQUIRE(service->store->AcceptInstallation((*portal)->waiting.at(0).id, proven, clock.Now()));
  }
  // A refresh that brings "access N".
  void Replace(const std::string& name, int number) {
    const MemberId member_id(name);
    const PortalAccess before = Row(name);
    ProvenInstallation granted;
    granted.sealed_access_token = Sealed("access_token", member_id, std::to_string(number));
    granted.sealed_refresh_token = Sealed("refresh_token", member_id, std::to_string(number));
    REQUIRE(service->store->ReplaceTokens(before.id, before.chain, granted, clock.Now()) == true);
  }
  PortalAccess Row(const std::string& name) {
    const auto row = service->store->FindAccess(MemberId(name));
    REQUIRE(row.has_value());
    REQUIRE(row->has_value());
    return **row;
  }
  // The refresh token of a portal, opened with what the file says now.
  std::string Opened(const std::string& name) {
    const Result<Keyring> fresh = Keyring::Open(config.key_file);
    REQUIRE(fresh.has_value());
    const Result<Secret> token =
        fresh->Unseal(Row(name).sealed_refresh_token, SealPurpose("refresh_token", MemberId(name)));
    return token ? std::string(token->Reveal()) : token.error().reason;
  }
  KeyRotated Rotate() {
    const Result<KeyRotated> rotated = RotateKey(config, clock);
    REQUIRE(rotated.has_value());
    return *rotated;
  }

  TemporaryDirectory directory;
  FakeClock clock;
  Config config;
  std::optional<Service> service;
};

TEST_CASE("key_rotation: everything is sealed anew, and the former key goes a day later") {
  Bench bench;
  bench.Install("m1");
  bench.Install("m2", false);
  const std::string before = bench.Row("m1").sealed_refresh_token;

  KeyRotated rotated = bench.Rotate();

  CHECK(rotated.resealed == 4);
  CHECK(rotated.keys == 2);
  CHECK(rotated.removed == 0);
  CHECK(rotated.unreadable == 0);
  CHECK(rotated.configuration.empty());
  CHECK(bench.Row("m1").sealed_refresh_token != before);
  CHECK(bench.Row("m1").chain == 1);
  CHECK(bench.Opened("m1") == "refresh m1");

  bench.clock.Advance(hours(25));
  rotated = bench.Rotate();
  CHECK(rotated.resealed == 4);
  CHECK(rotated.removed == 1);
  CHECK(rotated.keys == 2);
  CHECK(bench.Opened("m1") == "refresh m1");
}

TEST_CASE("key_rotation: a configured secret keeps its key, and is named") {
  Bench bench;
  const std::string sealed =
      kSealedPrefix + Base64(bench.service->keyring.Seal(Secret("the secret"), kSealedPurpose));
  bench.config.applications[""] = {"id", {"bitrix24.client_secret", Secret(sealed)}};

  for (int day = 0; day < 4; ++day) {
    const KeyRotated rotated = bench.Rotate();
    CHECK(rotated.configuration == std::vector<std::string>{"bitrix24.client_secret"});
    bench.clock.Advance(hours(25));
  }

  const Result<Keyring> fresh = Keyring::Open(bench.config.key_file);
  REQUIRE(fresh.has_value());
  const Result<Secret> opened = OpenSecret(bench.config.applications[""].client_secret, *fresh);
  REQUIRE(opened.has_value());
  CHECK(opened->Reveal() == "the secret");
}

TEST_CASE("key_rotation: two at once exclude each other") {
  Bench bench;
  const Result<std::optional<FileLock>> lock = FileLock::Try(bench.config.key_file + ".lock", 0);
  REQUIRE(lock.has_value());
  REQUIRE(lock->has_value());

  const Result<KeyRotated> rotated = RotateKey(bench.config, bench.clock);

  REQUIRE_FALSE(rotated.has_value());
  CHECK(rotated.error().code == ErrorCode::kConflict);
}

TEST_CASE("key_rotation: what no key opens is counted and left") {
  Bench bench;
  bench.Install("m1");
  bench.Install("m2");
  {
    Bench other;
    const MemberId member_id("m1");
    ProvenInstallation granted;
    granted.sealed_access_token = other.Sealed("access_token", member_id, "x");
    granted.sealed_refresh_token = bench.Sealed("refresh_token", member_id, "y");
    const PortalAccess row = bench.Row("m1");
    REQUIRE(bench.service->store->ReplaceTokens(row.id, row.chain, granted, bench.clock.Now()) ==
            true);
  }

  const KeyRotated rotated = bench.Rotate();

  CHECK(rotated.unreadable == 1);
  CHECK(rotated.resealed == 3);
  CHECK(bench.Opened("m2") == "refresh m2");
}

TEST_CASE("key_rotation: repeated under load it loses no token") {
  Bench bench;
  constexpr int kPortals = 4;
  for (int i = 0; i < kPortals; ++i) bench.Install("p" + std::to_string(i));
  std::atomic<bool> rotating = true;
  int last = 0;
  int installed = 0;
  std::thread load([&] {
    while (rotating || last < 20) {
      ++last;
      for (int i = 0; i < kPortals; ++i) bench.Replace("p" + std::to_string(i), last);
      bench.Install("n" + std::to_string(installed++));
    }
  });

  for (int round = 0; round < 5; ++round) {
    bench.Rotate();
  }
  rotating = false;
  load.join();

  for (int i = 0; i < kPortals; ++i) {
    CHECK(bench.Opened("p" + std::to_string(i)) == std::to_string(last));
  }
  for (int i = 0; i < installed; ++i) {
    const std::string name = "n" + std::to_string(i);
    CHECK(bench.Opened(name) == "refresh " + name);
  }
}

}  // namespace
}  // namespace imrelay
