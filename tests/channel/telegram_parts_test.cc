#include "channel/telegram_parts.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace imrelay {
namespace {

using Strings = std::vector<std::string>;

std::string Repeat(const std::string& text, int times) {
  std::string repeated;
  for (int i = 0; i < times; ++i) repeated += text;
  return repeated;
}

TEST_CASE("telegram parts: length is in UTF-16 units") {
  CHECK(TelegramLength("") == 0);
  CHECK(TelegramLength("abc") == 3);
  CHECK(TelegramLength("привет") == 6);
  CHECK(TelegramLength("\xF0\x9F\x98\x80") == 2);
}

TEST_CASE("telegram parts: a text is cut at a line end, else at a blank, else anywhere") {
  CHECK(SplitTelegramText("", 10).empty());
  CHECK(SplitTelegramText(" \n ", 10).empty());
  CHECK(SplitTelegramText("  short  ", 10) == Strings{"short"});
  CHECK(SplitTelegramText("first line\nsecond", 12) == Strings{"first line", "second"});
  CHECK(SplitTelegramText("one two three", 8) == Strings{"one two", "three"});
  CHECK(SplitTelegramText("abcdefghij", 4) == Strings{"abcd", "efgh", "ij"});
  // A blank near the beginning would leave a piece too small.
  CHECK(SplitTelegramText("a bcdefghijkl", 8) == Strings{"a bcdefg", "hijkl"});
  CHECK(SplitTelegramText("ab  " + std::string(20, ' ') + "cd", 4) == Strings{"ab", "cd"});
}

TEST_CASE("telegram parts: no character is cut in two") {
  const std::string smile = "\xF0\x9F\x98\x80";

  const Strings pieces = SplitTelegramText(Repeat(smile, 5), 5);

  CHECK(pieces == Strings{smile + smile, smile + smile, smile});
}

TEST_CASE("telegram parts: nothing but blanks is lost of any text") {
  const std::string text = Repeat("Съешь ещё этих мягких французских булок.\n", 400);

  const Strings pieces = SplitTelegramText(text, kMaxTelegramText);

  std::string joined;
  for (const std::string& piece : pieces) {
    CHECK(TelegramLength(piece) <= kMaxTelegramText);
    joined += piece + "\n";
  }
  CHECK(joined == text);
}

TEST_CASE("telegram parts: ids read as they were written") {
  for (const char* text : {"1", "1235", "1235.2/3", "1235.f", "1235.t", "1235.l"}) {
    CAPTURE(text);
    const auto id = ReadTelegramId(ExternalMessageId(text));
    REQUIRE(id.has_value());
    CHECK(WriteTelegramId(*id).value() == text);
  }
}

}  // namespace
}  // namespace imrelay
