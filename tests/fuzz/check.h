#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace imrelay {

// Ends the process where something does not hold; libFuzzer then keeps the input it was given.
inline void Check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "This does not hold: %s\n", what);
  std::abort();
}

// libFuzzer's input, not copied: its memory ends where the input does, so that reading on is seen.
inline std::string_view InputOf(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace imrelay
