#include "web/page_texts.h"

#include <doctest/doctest.h>

#include <set>
#include <string>

#include "web/page_sources.h"

namespace imrelay {
namespace {

// The places for values in a text, in order of their numbers.
std::string PlacesOf(std::string_view text) {
  std::set<std::string> places;
  for (std::size_t at = text.find('{'); at != text.npos; at = text.find('{', at + 1)) {
    places.insert(std::string(text.substr(at, 3)));
  }
  std::string all;
  for (const std::string& place : places) all += place;
  return all;
}

bool HasCyrillic(std::string_view text) {
  return text.find("\xD0") != text.npos || text.find("\xD1") != text.npos;
}

TEST_CASE("page texts: both languages have every text, with places for the same values") {
  std::set<std::string_view> keys;
  for (const page_sources::Text& text : page_sources::kTexts) {
    CAPTURE(text.key);
    CHECK_FALSE(text.english.empty());
    CHECK_FALSE(text.russian.empty());
    CHECK(PlacesOf(text.english) == PlacesOf(text.russian));
    CHECK_FALSE(HasCyrillic(text.english));
    CHECK((text.key == "utc" || HasCyrillic(text.russian)));
    CHECK(keys.insert(text.key).second);
  }
  CHECK(keys.size() > 100);
}

TEST_CASE("page texts: nothing is said to reach the channel, for nothing is sent there yet") {
  for (const page_sources::Text& text : page_sources::kTexts) {
    CAPTURE(text.key);
    CHECK(text.english.find("the channel.") == text.english.npos);
    CHECK(text.russian.find("до канала") == text.russian.npos);
    CHECK(text.russian.find("в канал ") == text.russian.npos);
  }
}

TEST_CASE("page texts: Russian is for LANG=ru, English for everything else") {
  CHECK(LanguageOf("ru") == Language::kRussian);
  for (const char* lang : {"", "en", "de", "ua", "russian"}) {
    CAPTURE(lang);
    CHECK(LanguageOf(lang) == Language::kEnglish);
  }
  CHECK(LanguageCode(Language::kRussian) == "ru");
  CHECK(LanguageCode(Language::kEnglish) == "en");
}

TEST_CASE("page texts: values stand in their places, and braces in a value stay") {
  CHECK(TextOf(Language::kEnglish, "connect", {"107"}) == "Connect line 107");
  CHECK(TextOf(Language::kRussian, "connect", {"107"}) == "Подключить линию 107");
  CHECK(TextOf(Language::kEnglish, "connect", {"{0}{1}"}) == "Connect line {0}{1}");
  CHECK(TextOf(Language::kEnglish, "connect") == "Connect line {0}");
  CHECK(TextOf(Language::kEnglish, "no_such_text") == "no_such_text");
}

TEST_CASE("page texts: a word is explained, an unknown one named") {
  CHECK(Explain(Language::kEnglish, "not_admin").find("administrator") != std::string::npos);
  CHECK(Explain(Language::kEnglish, "strange_word").find("“strange_word”") != std::string::npos);
}

}  // namespace
}  // namespace imrelay
