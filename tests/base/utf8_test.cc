#include "base/utf8.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

namespace imrelay {
namespace {

#define U "\xEF\xBF\xBD"

TEST_CASE("utf8: well-formed text is valid and comes back unchanged") {
  for (const std::string& text :
       {std::string(""), std::string("plain"), std::string("\0a", 2), std::string("\x7F"),
        std::string("\xC2\x80"), std::string("\xDF\xBF"), std::string("\xE0\xA0\x80"),
        std::string("\xED\x9F\xBF"), std::string("\xEE\x80\x80"), std::string("\xEF\xBF\xBF"),
        std::string("\xF0\x90\x80\x80"), std::string("\xF4\x8F\xBF\xBF")}) {
    CAPTURE(text);
    CHECK(IsValidUtf8(text));
    CHECK(ReplaceInvalidUtf8(text) == text);
  }
}

TEST_CASE("utf8: every maximal ill-formed part becomes one U+FFFD") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"\x80", U},
      {"\xC0\xAF", U U},              // overlong
      {"\xC1\xBF", U U},              // overlong
      {"\xE0\x9F\xBF", U U U},        // overlong
      {"\xED\xA0\x80", U U U},        // a surrogate
      {"\xF0\x8F\xBF\xBF", U U U U},  // overlong
      {"\xF4\x90\x80\x80", U U U U},  // above U+10FFFF
      {"\xF5\x80", U U},
      {"\xFF\xFE", U U},
      {"\xC3", U},          // cut off
      {"\xE2\x82", U},      // cut off
      {"\xF0\x9F\x98", U},  // cut off
      {"\xE2\x82(", U "("},
      {"a\xC3(b", "a" U "(b"},
      // The example of Unicode 15, table 3-8.
      {"\xE1\x80\xE2\xF0\x91\x92\xF1\xBF"
       "A",
       U U U U "A"},
  };
  for (const auto& one : cases) {
    const auto& bytes = one.first;
    const auto& replaced = one.second;
    CAPTURE(bytes);
    CHECK_FALSE(IsValidUtf8(bytes));
    CHECK(ReplaceInvalidUtf8(bytes) == replaced);
  }
}

#undef U

}  // namespace
}  // namespace imrelay
