#include "domain/portal.h"

#include <doctest/doctest.h>

namespace imrelay {
namespace {

TEST_CASE("portal: what is sealed for one portal or use is not for another") {
  const std::string purpose = SealPurpose("access_token", MemberId("a"));

  CHECK(purpose == "access_token a");
  CHECK(SealPurpose("access_token", MemberId("b")) != purpose);
  CHECK(SealPurpose("refresh_token", MemberId("a")) != purpose);
}

}  // namespace
}  // namespace imrelay
