#include "web/page_texts.h"

#include <algorithm>
#include <iterator>

#include "web/page_sources.h"

namespace imrelay {
namespace {

const page_sources::Text* Find(std::string_view key) {
  const auto* found =
      std::find_if(std::begin(page_sources::kTexts), std::end(page_sources::kTexts),
                   [key](const page_sources::Text& text) { return text.key == key; });
  return found == std::end(page_sources::kTexts) ? nullptr : found;
}

}  // namespace

Language LanguageOf(std::string_view lang) {
  return lang == "ru" ? Language::kRussian : Language::kEnglish;
}

std::string_view LanguageCode(Language language) {
  return language == Language::kRussian ? "ru" : "en";
}

bool HasText(std::string_view key) { return Find(key) != nullptr; }

std::string TextOf(Language language, std::string_view key,
                   std::initializer_list<std::string_view> values) {
  const page_sources::Text* found = Find(key);
  if (found == nullptr) return std::string(key);
  const std::string_view text = language == Language::kRussian ? found->russian : found->english;
  // Left to right and once, so that a value with braces in it stays a value.
  std::string filled;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool place = text[i] == '{' && i + 2 < text.size() && text[i + 2] == '}';
    const std::size_t index = place ? static_cast<std::size_t>(text[i + 1] - '0') : values.size();
    if (index < values.size()) {
      filled += *std::next(values.begin(), static_cast<std::ptrdiff_t>(index));
      i += 2;
    } else {
      filled.push_back(text[i]);
    }
  }
  return filled;
}

std::string Explain(Language language, std::string_view word) {
  const std::string key = "why_" + std::string(word);
  return HasText(key) ? TextOf(language, key) : TextOf(language, "why_unknown", {word});
}

}  // namespace imrelay
