#include "crypto/digest.h"

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>

namespace imrelay {
namespace {

using Parts = std::array<std::string_view, 2>;

TEST_CASE("digest: is the same for the same parts and no others") {
  const Parts parts = {"ab", "c"};

  CHECK(Digest(parts) == Digest(Parts{"ab", "c"}));
  CHECK(Digest(parts) != Digest(Parts{"a", "bc"}));
  CHECK(Digest(parts) != Digest(Parts{"abc", ""}));
  CHECK(Digest(parts) != Digest(Parts{"c", "ab"}));
}

TEST_CASE("digest: stays what it was, because keys of events are kept for years") {
  const std::array<std::string_view, 3> parts = {"member", "ONIMCONNECTORMESSAGEDELETE", ""};

  const auto digest = Digest(parts);

  const std::string bytes(digest.begin(), digest.end());
  CHECK(Base64(bytes) == "AMWl5qilHUy/fkhm0cnLNg==");
}

TEST_CASE("constant time: compares bytes and lengths") {
  const std::array<std::uint8_t, 3> abc = {1, 2, 3};
  const std::array<std::uint8_t, 3> abd = {1, 2, 4};
  const std::array<std::uint8_t, 2> ab = {1, 2};

  CHECK(EqualInConstantTime(abc, abc));
  CHECK_FALSE(EqualInConstantTime(abc, abd));
  CHECK_FALSE(EqualInConstantTime(abc, ab));
  CHECK(EqualInConstantTime({}, {}));
}

TEST_CASE("base64: follows RFC 4648, section 10") {
  CHECK(Base64("") == "");
  CHECK(Base64("f") == "Zg==");
  CHECK(Base64("foobar") == "Zm9vYmFy");
  CHECK(Base64("\xFB\xFF") == "+/8=");
}

std::string Hex(std::span<const std::uint8_t> bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

TEST_CASE("hmac: follows RFC 4231, cases 2 and 6, however the text is parted") {
  const std::array<std::string_view, 3> parts{"what do ya", "", " want for nothing?"};
  const std::array<std::string_view, 1> whole{
      "Test Using Larger Than Block-Size Key - Hash Key First"};

  CHECK(Hex(HmacSha256("Jefe", parts)) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(Hex(HmacSha256(std::string(131, '\xaa'), whole)) ==
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST_CASE("random: stays below its limit and reaches all of it") {
  std::set<std::uint32_t> seen;
  for (int i = 0; i < 400; ++i) seen.insert(RandomBelow(4));

  CHECK(seen == std::set<std::uint32_t>{0, 1, 2, 3});
  CHECK(RandomBelow(1) == 0);
}

}  // namespace
}  // namespace imrelay
