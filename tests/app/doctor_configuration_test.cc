#include "app/doctor_configuration.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <functional>

#include "app/service.h"
#include "crypto/digest.h"
#include "store/sqlite/database.h"
#include "tests/fakes/temporary_directory.h"

namespace imrelay {
namespace {

using Level = Finding::Level;

Config Well() {
  Config config;
  config.file = "/etc/imrelay/imrelay.toml";
  config.applications[""] = {"local.1", {"bitrix24.client_secret", Secret("s3cret")}};
  config.public_url = "https://relay.example.com";
  config.connector_id = "myconnector";
  return config;
}

TEST_CASE("doctor_configuration: a whole one is one line, and shows no secret") {
  const Findings findings = CheckConfiguration(Well());

  REQUIRE(findings.size() == 1);
  CHECK(findings[0].level == Level::kOk);
  CHECK(findings[0].subject == "/etc/imrelay/imrelay.toml");
  CHECK(findings[0].found.find("s3cret") == std::string::npos);
}

TEST_CASE("doctor_configuration: tells what would keep events away") {
  const struct {
    const char* name;
    std::function<void(Config&)> plant;
    Level level;
    const char* subject;
  } cases[] = {
      {"id", [](Config& c) { c.applications[""].client_id.clear(); }, Level::kFail,
       "bitrix24.client_id"},
      {"secret", [](Config& c) { c.applications[""].client_secret.value = Secret(); }, Level::kFail,
       "bitrix24.client_secret"},
      {"url", [](Config& c) { c.public_url.clear(); }, Level::kFail, "bitrix24.public_url"},
      {"loopback", [](Config& c) { c.allow_insecure_loopback = true; }, Level::kWarn,
       "security.allow_insecure_loopback"},
  };
  for (const auto& planted : cases) {
    CAPTURE(planted.name);
    Config config = Well();
    planted.plant(config);

    const Findings findings = CheckConfiguration(config);

    const auto found = std::find_if(findings.begin(), findings.end(), [&planted](const Finding& f) {
      return f.subject == planted.subject;
    });
    REQUIRE(found != findings.end());
    CHECK(found->level == planted.level);
    CHECK_FALSE(found->mend.empty());
  }
}

TEST_CASE("doctor_configuration: with named applications the unnamed one may be missing") {
  Config config = Well();
  config.applications["other"] = config.applications[""];
  config.applications[""] = {};

  const Findings findings = CheckConfiguration(config);

  REQUIRE(findings.size() == 1);
  CHECK(findings[0].found.find("\"other\"") != std::string::npos);
}

// A service with its database and key file.
struct KeptService {
  KeptService() {
    config.database_path = directory.File("x.db");
    config.key_file = directory.File("x.key");
    REQUIRE(OpenService(config).has_value());
  }
  TemporaryDirectory directory;
  Config config = Well();
};

TEST_CASE("doctor_configuration: the key opens, belongs here, and opens sealed values") {
  KeptService service;
  const Result<Keyring> keyring = Keyring::Open(service.config.key_file);
  service.config.applications[""].client_secret.value =
      Secret(kSealedPrefix + Base64(keyring->Seal(Secret("s3cret"), kSealedPurpose)));

  const Findings findings = CheckKey(service.config);

  REQUIRE(findings.size() == 1);
  CHECK(findings[0].level == Level::kOk);
}

TEST_CASE("doctor_configuration: a value that was sealed elsewhere is told") {
  KeptService service;
  service.config.applications[""].client_secret.value = Secret("sealed:AAAA");

  const Findings findings = CheckKey(service.config);

  REQUIRE(findings.size() == 1);
  CHECK(findings[0].level == Level::kFail);
  CHECK(findings[0].subject == "bitrix24.client_secret");
  CHECK(findings[0].mend.find("imrelay key seal") != std::string::npos);
}

TEST_CASE("doctor_configuration: a key file that is away is told, and not made") {
  KeptService service;
  std::filesystem::remove(service.config.key_file);

  const Findings findings = CheckKey(service.config);

  REQUIRE(findings.size() == 1);
  CHECK(findings[0].level == Level::kFail);
  CHECK(findings[0].mend.find("put your copy back") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(service.config.key_file));
}

TEST_CASE("doctor_configuration: the key is compared in a database that somebody keeps locked") {
  KeptService service;
  Result<Database> other =
      Database::Open(service.config.database_path, Database::Access::kReadWrite);
  REQUIRE(other.has_value());
  REQUIRE(other->Execute("BEGIN IMMEDIATE").has_value());

  const Findings findings = CheckKey(service.config);

  REQUIRE(findings.size() == 1);
  CHECK(findings[0].level == Level::kOk);
  REQUIRE(other->Execute("ROLLBACK").has_value());
}

TEST_CASE("doctor_configuration: a database that cannot be read says nothing against the key") {
  KeptService service;
  service.config.database_path = service.directory.File("nosuch.db");

  const Findings findings = CheckKey(service.config);

  REQUIRE(findings.size() == 1);
  CHECK(findings[0].level == Level::kWarn);
  CHECK(findings[0].found.find("could not be compared") != std::string::npos);
}

TEST_CASE("doctor_configuration: another database's key file is told") {
  KeptService service;
  KeptService other;
  service.config.key_file = other.config.key_file;

  const Findings findings = CheckKey(service.config);

  REQUIRE(findings.size() == 1);
  CHECK(findings[0].level == Level::kFail);
  CHECK(findings[0].found.find("another key file") != std::string::npos);
}

}  // namespace
}  // namespace imrelay
