#include "crypto/keyring.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>
#include <thread>
#include <vector>

#include "tests/fakes/temporary_directory.h"

namespace imrelay {
namespace {

std::string Read(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

void Write(const std::string& path, const std::string& text, mode_t mode = 0600) {
  std::ofstream(path) << text;
  REQUIRE(chmod(path.c_str(), mode) == 0);
}

ErrorCode CodeOf(const Result<Keyring>& keyring) {
  REQUIRE_FALSE(keyring.has_value());
  return keyring.error().code;
}

constexpr const char* kHashLine = "hash AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n";
constexpr const char* kSealLine = "seal AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=\n";
constexpr const char* kNewSealLine = "seal AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM=\n";

TEST_CASE("keyring: makes its file once, for its owner only") {
  const TemporaryDirectory directory;
  const std::string path = directory.File("keys");
  CHECK(CodeOf(Keyring::Open(path)) == ErrorCode::kNotFound);

  const Result<Keyring> first = Keyring::OpenOrCreate(path);
  const std::string text = Read(path);
  const Result<Keyring> second = Keyring::OpenOrCreate(path);

  REQUIRE(first.has_value());
  REQUIRE(second.has_value());
  CHECK(Read(path) == text);
  CHECK(first->Fingerprint() == second->Fingerprint());
  struct stat facts {};
  REQUIRE(stat(path.c_str(), &facts) == 0);
  CHECK((facts.st_mode & 07777) == 0600);
  CHECK(directory.CountFiles() == 1);
}

TEST_CASE("keyring: two installations have different keys") {
  const TemporaryDirectory directory;

  const Result<Keyring> one = Keyring::OpenOrCreate(directory.File("one"));
  const Result<Keyring> two = Keyring::OpenOrCreate(directory.File("two"));

  REQUIRE(one.has_value());
  REQUIRE(two.has_value());
  CHECK(one->Fingerprint() != two->Fingerprint());
  CHECK(one->Hash(Secret("token"), "p") != two->Hash(Secret("token"), "p"));
  const Result<Secret> opened = two->Unseal(one->Seal(Secret("token"), "p"), "p");
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().reason == "unknown_key");
}

TEST_CASE("keyring: many that start at once agree on one key file") {
  const TemporaryDirectory directory;
  const std::string path = directory.File("keys");
  std::vector<std::string> fingerprints(8);
  std::vector<std::thread> starters;

  for (std::string& fingerprint : fingerprints) {
    starters.emplace_back([&] {
      const Result<Keyring> keyring = Keyring::OpenOrCreate(path);
      if (keyring) fingerprint = keyring->Fingerprint();
    });
  }
  for (std::thread& starter : starters) starter.join();

  for (const std::string& fingerprint : fingerprints) {
    CHECK_FALSE(fingerprint.empty());
    CHECK(fingerprint == fingerprints.front());
  }
  CHECK(directory.CountFiles() == 1);
}

TEST_CASE("keyring: refuses a file that others may read, and says how to mend it") {
  const TemporaryDirectory directory;
  const std::string path = directory.File("keys");
  Write(path, std::string(kHashLine) + kSealLine, 0640);

  const Result<Keyring> keyring = Keyring::OpenOrCreate(path);

  CHECK(CodeOf(keyring) == ErrorCode::kInvalidArgument);
  CHECK(keyring.error().message.find("chmod 600 " + path) != std::string::npos);
}

TEST_CASE("keyring: refuses a damaged file and leaves it alone") {
  const TemporaryDirectory directory;
  const std::string path = directory.File("keys");
  const std::vector<std::string> damaged = {
      "",
      kHashLine,
      kSealLine,
      std::string(kHashLine) + kHashLine + kSealLine,
      std::string(kHashLine) + "seal AgIC\n",
      std::string(kHashLine) + "seal not-base64\n",
      std::string(kHashLine) + kSealLine + "other line\n",
      std::string(kHashLine) + std::string(kSealLine).substr(0, 20),
  };
  for (const std::string& text : damaged) {
    CAPTURE(text);
    Write(path, text);

    const Result<Keyring> keyring = Keyring::OpenOrCreate(path);

    CHECK(CodeOf(keyring) == ErrorCode::kInvalidArgument);
    CHECK(Read(path) == text);
    CHECK(keyring.error().message.find("AgIC") == std::string::npos);
  }
}

TEST_CASE("keyring: says kUnavailable where it cannot make its file") {
  const TemporaryDirectory directory;

  CHECK(CodeOf(Keyring::OpenOrCreate(directory.File("missing/keys"))) == ErrorCode::kUnavailable);
}

TEST_CASE("keyring: what is sealed opens under the same purpose only") {
  const TemporaryDirectory directory;
  const Result<Keyring> keyring = Keyring::OpenOrCreate(directory.File("keys"));
  REQUIRE(keyring.has_value());
  const std::string sealed = keyring->Seal(Secret("the token"), "access_token a");

  const Result<Secret> opened = keyring->Unseal(sealed, "access_token a");

  REQUIRE(opened.has_value());
  CHECK(opened->Reveal() == "the token");
  CHECK_FALSE(keyring->Unseal(sealed, "access_token b").has_value());
  CHECK_FALSE(keyring->Unseal(sealed, "refresh_token a").has_value());
  CHECK(sealed.find("token") == std::string::npos);
  CHECK(sealed != keyring->Seal(Secret("the token"), "access_token a"));
}

TEST_CASE("keyring: any changed or missing byte keeps a sealed text shut") {
  const TemporaryDirectory directory;
  const Result<Keyring> keyring = Keyring::OpenOrCreate(directory.File("keys"));
  REQUIRE(keyring.has_value());
  const std::string sealed = keyring->Seal(Secret("t"), "p");

  for (std::size_t i = 0; i < sealed.size(); ++i) {
    CAPTURE(i);
    std::string changed = sealed;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    CHECK_FALSE(keyring->Unseal(changed, "p").has_value());
    CHECK_FALSE(keyring->Unseal(sealed.substr(0, i), "p").has_value());
  }
}

TEST_CASE("keyring: an empty secret comes back empty") {
  const TemporaryDirectory directory;
  const Result<Keyring> keyring = Keyring::OpenOrCreate(directory.File("keys"));
  REQUIRE(keyring.has_value());

  const Result<Secret> opened = keyring->Unseal(keyring->Seal(Secret(""), "p"), "p");

  REQUIRE(opened.has_value());
  CHECK(opened->empty());
}

TEST_CASE("keyring: a new seal key in front seals; the old one still opens; hashes stay") {
  const TemporaryDirectory directory;
  const std::string path = directory.File("keys");
  Write(path, std::string("# comment\n\n") + kHashLine + kSealLine);
  const Result<Keyring> before = Keyring::Open(path);
  REQUIRE(before.has_value());
  const std::string old_text = before->Seal(Secret("old"), "p");
  Write(path, std::string(kHashLine) + kNewSealLine + kSealLine);
  const Result<Keyring> after = Keyring::Open(path);
  REQUIRE(after.has_value());

  const Result<Secret> opened = after->Unseal(old_text, "p");

  REQUIRE(opened.has_value());
  CHECK(opened->Reveal() == "old");
  // It reads the file again.
  CHECK(before->Unseal(after->Seal(Secret("new"), "p"), "p").has_value());
  CHECK(before->Hash(Secret("t"), "p") == after->Hash(Secret("t"), "p"));
  CHECK(before->Fingerprint() == after->Fingerprint());
}

TEST_CASE("keyring: hashes differ by value and by purpose") {
  const TemporaryDirectory directory;
  const Result<Keyring> keyring = Keyring::OpenOrCreate(directory.File("keys"));
  REQUIRE(keyring.has_value());

  const auto hash = keyring->Hash(Secret("token"), "application_token a");

  CHECK(hash == keyring->Hash(Secret("token"), "application_token a"));
  CHECK(hash != keyring->Hash(Secret("token"), "application_token b"));
  CHECK(hash != keyring->Hash(Secret("tokem"), "application_token a"));
  CHECK(keyring->Hash(Secret("bc"), "a") != keyring->Hash(Secret("c"), "ab"));
}

}  // namespace
}  // namespace imrelay
