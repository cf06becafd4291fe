#include "app/service.h"

#include <doctest/doctest.h>

#include "crypto/digest.h"
#include "tests/fakes/temporary_directory.h"

namespace imrelay {
namespace {

Config ConfigIn(const TemporaryDirectory& directory) {
  Config config;
  config.database_path = directory.File("x.db");
  config.key_file = directory.File("x.key");
  return config;
}

TEST_CASE("service: opens what it made, as the same service") {
  TemporaryDirectory directory;
  const Config config = ConfigIn(directory);
  const std::string fingerprint = OpenService(config)->keyring.Fingerprint();

  const Result<Service> again = OpenService(config);

  REQUIRE(again.has_value());
  CHECK(again->keyring.Fingerprint() == fingerprint);
}

TEST_CASE("service: a database whose key file is gone is not given a fresh one") {
  TemporaryDirectory directory;
  const Config config = ConfigIn(directory);
  REQUIRE(OpenService(config).has_value());
  Config other = config;
  other.key_file = directory.File("other.key");
  const std::size_t files = directory.CountFiles();

  const Result<Service> service = OpenService(other);

  REQUIRE_FALSE(service.has_value());
  CHECK(service.error().code == ErrorCode::kInvalidArgument);
  CHECK(service.error().message ==
        "security.key_file: open key file " + other.key_file +
            ": No such file or directory; put your copy back, or name the file that is yours");
  CHECK(directory.CountFiles() == files);
}

TEST_CASE("service: a directory that is missing is told with the key that named it, and the mend") {
  TemporaryDirectory directory;
  Config config = ConfigIn(directory);
  config.key_file = directory.File("none/x.key");
  const Result<Service> keyless = OpenService(config);
  REQUIRE_FALSE(keyless.has_value());
  CHECK(keyless.error().code == ErrorCode::kUnavailable);
  CHECK(keyless.error().message.starts_with("security.key_file: make key file " + config.key_file));
  CHECK(keyless.error().message.ends_with("must be there, and be the service's user's"));

  config.database_path = directory.File("none/x.db");
  const Result<Service> service = OpenService(config);
  REQUIRE_FALSE(service.has_value());
  CHECK(service.error().code == ErrorCode::kUnavailable);
  CHECK(service.error().message ==
        config.database_path + ": its directory is not there; make it, or is database.url right?");
}

TEST_CASE("service: sealing makes a key file only where no database needs another one") {
  TemporaryDirectory directory;
  const Config config = ConfigIn(directory);

  REQUIRE(OpenKeyring(config).has_value());
  REQUIRE(OpenService(config).has_value());
  Config other = config;
  other.key_file = directory.File("other.key");
  const std::size_t files = directory.CountFiles();

  CHECK_FALSE(OpenKeyring(other).has_value());
  CHECK(directory.CountFiles() == files);
}

TEST_CASE("service: what only looks makes no key file") {
  TemporaryDirectory directory;
  const Config config = ConfigIn(directory);

  CHECK_FALSE(OpenExistingKeyring(config).has_value());

  CHECK(directory.CountFiles() == 0);
  REQUIRE(OpenService(config).has_value());
  CHECK(OpenExistingKeyring(config).has_value());
}

TEST_CASE("service: a database and another database's key file do not go together") {
  TemporaryDirectory directory;
  const Config config = ConfigIn(directory);
  REQUIRE(OpenService(config).has_value());
  Config other = config;
  other.key_file = directory.File("other.key");
  REQUIRE(Keyring::OpenOrCreate(other.key_file).has_value());

  const Result<Service> service = OpenService(other);

  REQUIRE_FALSE(service.has_value());
  CHECK(service.error().code == ErrorCode::kInvalidArgument);
  CHECK(service.error().message.find("security.key_file") != std::string::npos);
}

TEST_CASE("service: a secret is taken as it stands, or opened when it is sealed") {
  TemporaryDirectory directory;
  const Result<Service> service = OpenService(ConfigIn(directory));
  REQUIRE(service.has_value());
  const Keyring& keyring = service->keyring;
  const auto opened = [&](const std::string& value) {
    return OpenSecret({"channel.secret", Secret(value)}, keyring);
  };
  const std::string sealed =
      kSealedPrefix + Base64(keyring.Seal(Secret("whsec_1"), kSealedPurpose));

  CHECK(opened("whsec_1")->Reveal() == "whsec_1");
  CHECK(opened("")->empty());
  CHECK(opened(sealed)->Reveal() == "whsec_1");
  for (const std::string& wrong :
       {std::string("sealed:"), std::string("sealed:!!"), sealed.substr(0, sealed.size() - 4),
        kSealedPrefix + Base64(keyring.Seal(Secret("whsec_1"), "access_token m1"))}) {
    const Result<Secret> refused = opened(wrong);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == ErrorCode::kInvalidArgument);
    CHECK(refused.error().message.starts_with("channel.secret: "));
    CHECK(refused.error().message.find("imrelay key seal") != std::string::npos);
  }
}

TEST_CASE("service: the secret of every application is opened, or the one that is not is named") {
  TemporaryDirectory directory;
  Config config = ConfigIn(directory);
  const Result<Keyring> keyring = OpenKeyring(config);
  REQUIRE(keyring.has_value());
  const auto sealed = [&](const char* secret) {
    return Secret(kSealedPrefix + Base64(keyring->Seal(Secret(secret), kSealedPurpose)));
  };
  config.applications["shop"] = {"local.1", {"application.shop.client_secret", sealed("s1")}};
  config.applications["desk"] = {"local.2", {"application.desk.client_secret", Secret("s2")}};

  const Result<Applications> applications = OpenApplications(config, *keyring);
  config.applications["shop"].client_secret.value = Secret("sealed:AAAA");
  const Result<Applications> broken = OpenApplications(config, *keyring);

  REQUIRE(applications.has_value());
  REQUIRE(applications->size() == 3);
  CHECK(applications->at("").client_id.empty());
  CHECK(applications->at("shop").client_secret.Reveal() == "s1");
  CHECK(applications->at("desk").client_secret.Reveal() == "s2");
  REQUIRE_FALSE(broken.has_value());
  CHECK(broken.error().message.starts_with("application.shop.client_secret: "));
}

}  // namespace
}  // namespace imrelay
