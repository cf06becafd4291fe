#include "domain/external_id.h"

#include <doctest/doctest.h>

#include <string>

namespace imrelay {
namespace {

TEST_CASE("external_id: what Bitrix24 gives back as it was given has no fault") {
  for (const std::string id : {"1", "00", "ext-msg-005", "1235.2/3", "ключ"}) {
    CAPTURE(id);
    CHECK(FaultOfExternalId(id) == nullptr);
  }
  CHECK(FaultOfExternalId(std::string(kLongestExternalId, 'x')) == nullptr);
}

TEST_CASE("external_id: what it would drop, cut or trim has one") {
  for (const std::string id : {"", "0", " a", "a ", "a\nb", "a\x7f", "\xff"}) {
    CAPTURE(id);
    CHECK(FaultOfExternalId(id) != nullptr);
  }
  CHECK(FaultOfExternalId(std::string(kLongestExternalId + 1, 'x')) ==
        std::string("a message id of more than 100 bytes"));
}

}  // namespace
}  // namespace imrelay
