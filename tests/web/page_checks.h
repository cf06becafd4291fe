#pragma once

#include <string>
#include <string_view>

#include "web/http.h"

namespace imrelay {

inline std::string HeaderOf(const Response& response, std::string_view name) {
  for (const auto& [header, value] : response.headers) {
    if (header == name) return value;
  }
  return {};
}

inline bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != text.npos;
}

// What would break out of any place in HTML that a value may stand in.
inline const std::string kHostile = "\"'><script>alert(1)</script>{{{body}}}&amp;\xff";

// Whether such a value stands in a page as text only.
inline bool IsHarmless(std::string_view html) {
  return !Contains(html, "<script>alert") && !Contains(html, "\"'>") && !Contains(html, "\xff");
}

}  // namespace imrelay
