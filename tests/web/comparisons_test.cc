#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/crypto/counted_comparisons.h"
#include "tests/web/channel_api_bench.h"

namespace imrelay {
namespace {

TEST_CASE("comparisons: a channel's key is compared with all keys, by whole digests") {
  ChannelApiBench bench;
  const std::string key = ChannelApiBench::kDeskKey;
  // Of three channels, one has no key.
  const std::vector<std::size_t> each(3, 16);
  for (const std::string& guess : {std::string("x"), std::string(key.size(), 'x'), key + "x",
                                   key.substr(0, key.size() - 1) + "x", std::string(4000, 'x')}) {
    CAPTURE(guess);
    TakeComparisons();
    CHECK(bench.Get("messages?message_id=1", guess.c_str()).status == 401);
    CHECK(TakeComparisons() == each);
  }
  for (const char* right : {ChannelApiBench::kDeskKey, ChannelApiBench::kUnnamedKey}) {
    CAPTURE(right);
    TakeComparisons();
    CHECK(bench.Get("messages?message_id=1", right).status == 200);
    CHECK(TakeComparisons() == each);
  }
}

}  // namespace
}  // namespace imrelay
