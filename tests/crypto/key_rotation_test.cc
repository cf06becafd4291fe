#include "crypto/key_rotation.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>
#include <string>

#include "crypto/key_file.h"
#include "crypto/keyring.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/temporary_directory.h"

namespace imrelay {
namespace {

using std::chrono::hours;

struct Bench {
  Bench() : keyring(Opened()) {}
  Keyring Opened() const {
    Result<Keyring> opened = Keyring::OpenOrCreate(path);
    REQUIRE(opened.has_value());
    return *std::move(opened);
  }
  std::string Text() const {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void Add() { REQUIRE(AddSealKey(path, clock.Now())); }
  int Remove(const std::set<std::string>& used = {}) {
    const Result<int> removed = RemoveSealKeys(path, clock.Now() - hours(24), used);
    REQUIRE(removed.has_value());
    return *removed;
  }

  TemporaryDirectory directory;
  std::string path = directory.File("keys");
  FakeClock clock;
  Keyring keyring;
};

std::string Plain(const Keyring& keyring, const std::string& sealed) {
  const Result<Secret> opened = keyring.Unseal(sealed, "test");
  return opened ? std::string(opened->Reveal()) : opened.error().reason;
}

TEST_CASE("key_rotation: a new key seals, the former one still opens, and the rest stays") {
  Bench bench;
  std::ofstream(bench.path, std::ios::app) << "# mine\n";
  const Keyring before = bench.Opened();
  const std::string old = before.Seal(Secret("value"), "test");

  bench.Add();

  const Keyring after = bench.Opened();
  const std::string fresh = after.Seal(Secret("value"), "test");
  CHECK(Keyring::KeyIdIn(fresh) != Keyring::KeyIdIn(old));
  CHECK(Plain(after, old) == "value");
  CHECK(after.Fingerprint() == before.Fingerprint());
  CHECK(bench.Text().find("# mine\n") != std::string::npos);
  CHECK(bench.Text().find("# replaced 1773748800\nseal ") != std::string::npos);
  struct stat facts {};
  REQUIRE(stat(bench.path.c_str(), &facts) == 0);
  CHECK((facts.st_mode & 07777) == 0600);
  CHECK(bench.directory.CountFiles() == 1);
}

TEST_CASE("key_rotation: a running keyring notices the new file, also to open what is under it") {
  Bench bench;
  const Keyring copy = bench.keyring;
  const std::string old = bench.keyring.Seal(Secret("value"), "test");
  bench.Add();

  const std::string fresh = bench.Opened().Seal(Secret("value"), "test");
  CHECK(Plain(copy, fresh) == "value");
  CHECK(Keyring::KeyIdIn(bench.keyring.Seal(Secret("value"), "test")) == Keyring::KeyIdIn(fresh));
  CHECK(Plain(bench.keyring, old) == "value");
}

TEST_CASE("key_rotation: a file that is away, damaged or another's changes nothing") {
  Bench bench;
  const std::string good = bench.Text();
  const std::string sealed = bench.keyring.Seal(Secret("value"), "test");
  const auto write = [&](const std::string& text) {
    std::ofstream(bench.path) << text;
    CHECK(Plain(bench.keyring, bench.keyring.Seal(Secret("other"), "test")) == "other");
    CHECK(Keyring::KeyIdIn(bench.keyring.Seal(Secret("x"), "test")) == Keyring::KeyIdIn(sealed));
  };

  write("");
  write("seal nonsense\n");
  REQUIRE(std::remove(bench.path.c_str()) == 0);
  CHECK(Plain(bench.keyring, bench.keyring.Seal(Secret("other"), "test")) == "other");
  REQUIRE(MakeKeyFile(bench.path));
  CHECK(Keyring::KeyIdIn(bench.keyring.Seal(Secret("x"), "test")) == Keyring::KeyIdIn(sealed));
  write(good);
  CHECK(Plain(bench.keyring, sealed) == "value");
}

TEST_CASE("key_rotation: sealing anew changes what is under a former key only") {
  Bench bench;
  const std::string old = bench.keyring.Seal(Secret("value"), "test");
  CHECK(bench.keyring.Reseal(old, "test") == old);
  bench.Add();

  const Result<std::string> anew = bench.keyring.Reseal(old, "test");

  REQUIRE(anew.has_value());
  CHECK(Keyring::KeyIdIn(*anew) != Keyring::KeyIdIn(old));
  CHECK(Plain(bench.keyring, *anew) == "value");
  CHECK(bench.keyring.Reseal(*anew, "test") == *anew);
  CHECK_FALSE(bench.keyring.Reseal(old, "other purpose").has_value());
}

TEST_CASE("key_rotation: a former key goes a day after, unless it is used") {
  Bench bench;
  const std::string old = bench.keyring.Seal(Secret("value"), "test");
  bench.Add();
  CHECK(bench.Remove() == 0);
  bench.clock.Advance(hours(24) - std::chrono::seconds(1));
  CHECK(bench.Remove() == 0);
  bench.clock.Advance(std::chrono::seconds(1));
  CHECK(bench.Remove({Keyring::KeyIdIn(old)}) == 0);
  CHECK(Plain(bench.Opened(), old) == "value");

  CHECK(bench.Remove() == 1);

  CHECK(Plain(bench.Opened(), old) == "unknown_key");
  CHECK(bench.Text().find("# replaced") == std::string::npos);
  CHECK(CountSealKeys(bench.path) == 1);
  // The one that seals stays, whatever is asked.
  bench.clock.Advance(hours(1000));
  CHECK(bench.Remove() == 0);
}

TEST_CASE("key_rotation: each former key has its own day") {
  Bench bench;
  bench.Add();
  bench.clock.Advance(hours(13));
  bench.Add();
  bench.clock.Advance(hours(13));

  CHECK(bench.Remove() == 1);
  CHECK(CountSealKeys(bench.path) == 2);
  bench.clock.Advance(hours(13));
  CHECK(bench.Remove() == 1);
}

TEST_CASE("key_rotation: keys do not grow without end, and a damaged file is left alone") {
  Bench bench;
  for (int i = 1; i < kMostSealKeys; ++i) bench.Add();
  const Status full = AddSealKey(bench.path, bench.clock.Now());
  REQUIRE_FALSE(full);
  CHECK(full.error().code == ErrorCode::kConflict);
  CHECK(Keyring::Open(bench.path).has_value());

  std::ofstream(bench.path) << "hash nonsense\n";
  CHECK_FALSE(AddSealKey(bench.path, bench.clock.Now()).has_value());
  CHECK_FALSE(RemoveSealKeys(bench.path, bench.clock.Now(), {}).has_value());
  CHECK(bench.Text() == "hash nonsense\n");
}

TEST_CASE("key_rotation: what a killed one has left is written over") {
  Bench bench;
  std::ofstream(bench.path + ".new") << "half a fi";

  bench.Add();

  CHECK(CountSealKeys(bench.path) == 2);
  CHECK(bench.directory.CountFiles() == 1);
}

}  // namespace
}  // namespace imrelay
