#pragma once

#include <string>
#include <string_view>

#include "codec/tree.h"

namespace imrelay {

inline std::string Hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    hex.push_back(kDigits[byte >> 4]);
    hex.push_back(kDigits[byte & 15]);
  }
  return hex;
}

// A tree as one line without a doubt about any byte: texts as t<hex>, lists as [a,b], other maps
// as {<hex of key>:a,…}. parse_str_dump.php writes the same.
inline std::string Dump(const Tree& tree) {
  if (tree.is_text()) return "t" + Hex(tree.text());
  const bool list = tree.is_list();
  std::string items;
  for (const auto& [key, value] : tree.items()) {
    if (!items.empty()) items.push_back(',');
    if (!list) items.append(Hex(key)).append(":");
    items.append(Dump(value));
  }
  return list ? "[" + items + "]" : "{" + items + "}";
}

}  // namespace imrelay
