#include "tests/portal/parameters.h"

#include <charconv>
#include <utility>

namespace imrelay::stand_in {

std::string Text(const Tree& parameters, std::string_view name, std::string otherwise) {
  const std::string* text = parameters.FindTextAnyCase(name);
  return text == nullptr ? std::move(otherwise) : *text;
}

std::int64_t Number(const Tree& parameters, std::string_view name, std::int64_t otherwise) {
  const std::string* text = parameters.FindTextAnyCase(name);
  if (text == nullptr) return otherwise;
  std::int64_t number = 0;
  std::from_chars(text->data(), text->data() + text->size(), number);
  return number;
}

bool Flag(const Tree& parameters, std::string_view name, bool otherwise) {
  const std::string* text = parameters.FindTextAnyCase(name);
  if (text == nullptr) return otherwise;
  return !(text->empty() || *text == "0" || *text == "N" || *text == "n");
}

std::optional<std::int64_t> NumberOf(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return number;
}

std::string ToUpper(std::string_view text) {
  std::string upper(text);
  for (char& c : upper) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return upper;
}

std::string ToLower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

}  // namespace imrelay::stand_in
