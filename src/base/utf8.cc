#include "base/utf8.h"

#include <cstddef>

namespace imrelay {
namespace {

struct Part {
  std::size_t length;  // bytes of the code point, or of the maximal ill-formed part
  bool valid;
};

bool Between(unsigned char byte, unsigned char low, unsigned char high) {
  return byte >= low && byte <= high;
}

// The first code point or ill-formed part of `bytes`, which is not empty.
Part FirstPart(std::string_view bytes) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned char lead = at(0);
  if (lead < 0x80) return {1, true};
  std::size_t length = 0;
  unsigned char low = 0x80;
  unsigned char high = 0xBF;
  if (Between(lead, 0xC2, 0xDF)) {
    length = 2;
  } else if (Between(lead, 0xE0, 0xEF)) {
    length = 3;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (Between(lead, 0xF0, 0xF4)) {
    length = 4;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return {1, false};
  }
  for (std::size_t i = 1; i < length; ++i) {
    if (i >= bytes.size() || !Between(at(i), low, high)) return {i, false};
    low = 0x80;
    high = 0xBF;
  }
  return {length, true};
}

// The length of the ASCII text that `bytes` begins with.
std::size_t AsciiLength(std::string_view bytes) {
  std::size_t length = 0;
  while (length < bytes.size() && static_cast<unsigned char>(bytes[length]) < 0x80) ++length;
  return length;
}

}  // namespace

bool IsValidUtf8(std::string_view bytes) {
  bytes.remove_prefix(AsciiLength(bytes));
  while (!bytes.empty()) {
    const Part part = FirstPart(bytes);
    if (!part.valid) return false;
    bytes.remove_prefix(part.length);
  }
  return true;
}

std::string ReplaceInvalidUtf8(std::string_view bytes) {
  std::string text;
  const std::size_t ascii = AsciiLength(bytes);
  text.reserve(bytes.size());
  text.append(bytes.substr(0, ascii));
  bytes.remove_prefix(ascii);
  while (!bytes.empty()) {
    const Part part = FirstPart(bytes);
    if (part.valid) {
      text.append(bytes.substr(0, part.length));
    } else {
      text.append("\xEF\xBF\xBD");
    }
    bytes.remove_prefix(part.length);
  }
  return text;
}

}  // namespace imrelay
