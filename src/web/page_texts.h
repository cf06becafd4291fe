#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace imrelay {

// The languages of the pages. Their texts are in pages/texts.txt.
enum class Language { kEnglish, kRussian };

// The one of a LANG that Bitrix24 sends; English for those that there is no text in.
Language LanguageOf(std::string_view lang);
// "en", "ru"
std::string_view LanguageCode(Language language);

// A text, with {0}, {1} … replaced by `values`; its key when there is no such text. Not escaped:
// it is put into a page as a value.
std::string TextOf(Language language, std::string_view key,
                   std::initializer_list<std::string_view> values = {});
bool HasText(std::string_view key);

// What the word of an error means and what to do about it, as a sentence.
std::string Explain(Language language, std::string_view word);

}  // namespace imrelay
