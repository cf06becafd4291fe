#include <doctest/doctest.h>

#include "tests/codec/test_files.h"
#include "tests/ingest/ingest_bench.h"

// No token stands in clear anywhere in the database's files.

namespace imrelay {
namespace {

constexpr const char* kSecrets[] = {"5b00844001b0007cd181977d455de630432",
                                    "4s386p3q0tr8dy89xvmt96234v3dljg8",
                                    "831c76b092f9f135d9b6b36c3a720757"};

TEST_CASE("secrecy: tokens of posted bodies reach no file of the database") {
  IngestBench bench;
  for (const std::filesystem::path& form : WireForms()) {
    for (const BodyFormat format : {BodyFormat::kForm, BodyFormat::kJson}) {
      std::filesystem::path path = form;
      if (format == BodyFormat::kJson) path.replace_extension(".json");
      (void)bench.Post(ReadFile(path), format);
    }
    // The second round of the sorted names finds the installation there.
    (void)bench.Post(WireForm("onappinstall"));
    (void)bench.Post(ReadFile(form));
  }
  REQUIRE(bench.Show("SELECT count(*) > 10 FROM events") == "1");

  const std::string bytes = BytesOf(bench.path()) + BytesOf(bench.path() + "-wal");

  REQUIRE(bytes.find("ONIMCONNECTORMESSAGEADD") != std::string::npos);
  REQUIRE(bytes.find("channel-123") != std::string::npos);
  for (const char* secret : kSecrets) {
    CAPTURE(secret);
    CHECK(bytes.find(secret) == std::string::npos);
  }
}

TEST_CASE("secrecy: no token is in an error, and no text of a message") {
  IngestBench bench;
  bench.InstallPortal("token-a");
  Claimed claimed;
  Posted posted{"ONIMCONNECTORMESSAGEADD", DataOf(1, "", "intimate")};
  posted.token = "token-b";

  const Result<Committed> refused = bench.Receive(bench.ingest, posted.Body(), claimed);

  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().message.find("token-b") == std::string::npos);
  CHECK(refused.error().message.find("intimate") == std::string::npos);
}

TEST_CASE("secrecy: what an installation brought is sealed for its portal and its use") {
  IngestBench bench;
  bench.PostInstall("token-a", 1773748800);

  const Result<std::optional<InstallationWork>> work =
      bench.store().TakeInstallation(bench.clock.Now());
  REQUIRE(work.has_value());
  REQUIRE(work->has_value());

  const MemberId m1("m1");
  const Result<Secret> access =
      bench.keyring.Unseal((*work)->sealed_access_token, SealPurpose("access_token", m1));
  const Result<Secret> refresh =
      bench.keyring.Unseal((*work)->sealed_refresh_token, SealPurpose("refresh_token", m1));
  REQUIRE(access.has_value());
  REQUIRE(refresh.has_value());
  CHECK(access->Reveal() == "access-token-a");
  CHECK(refresh->Reveal() == "refresh-token-a");
  CHECK_FALSE(bench.keyring
                  .Unseal((*work)->sealed_access_token, SealPurpose("access_token", MemberId("m2")))
                  .has_value());
  CHECK((*work)->token ==
        bench.keyring.Hash(Secret("token-a"), SealPurpose("application_token", m1)));
}

}  // namespace
}  // namespace imrelay
