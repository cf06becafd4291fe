#include "app/proof_lock.h"

#include <doctest/doctest.h>

#include <optional>

#include "tests/fakes/temporary_directory.h"

namespace imrelay {
namespace {

TEST_CASE("proof_lock: one holds it at a time, and its end frees it") {
  TemporaryDirectory directory;
  std::optional<ProofLock> first(directory.File("lock"));
  ProofLock second(directory.File("lock"));

  CHECK(first->Held() == true);
  CHECK(first->Held() == true);
  CHECK(second.Held() == false);
  first.reset();
  CHECK(second.Held() == true);
}

TEST_CASE("proof_lock: a file that cannot be made is an error that names it") {
  TemporaryDirectory directory;
  ProofLock lock(directory.File("none") + "/lock");

  const Result<bool> held = lock.Held();

  REQUIRE_FALSE(held.has_value());
  CHECK(held.error().code == ErrorCode::kUnavailable);
  CHECK(held.error().message.find("none/lock") != std::string::npos);
}

}  // namespace
}  // namespace imrelay
