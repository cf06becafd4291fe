#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>

namespace imrelay {

// Decimal digits and nothing else. CLI11's own conversion reads 010 as 8 and makes a number that is
// too large the largest there is.
inline std::optional<std::int64_t> WholeNumber(const std::string& text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc() && end == text.data() + text.size() && number >= 0;
  return whole && !text.starts_with('-') ? std::optional(number) : std::nullopt;
}

}  // namespace imrelay
