#include "codec/form_name.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "codec/form.h"

namespace imrelay {
namespace {

constexpr std::string_view kHostPrefix = "__Host-";
constexpr std::string_view kSecurePrefix = "__Secure-";

constexpr std::uint8_t kNoDigit = 0xFF;

// The value of every hexadecimal digit.
constexpr std::array<std::uint8_t, 256> kHexDigits = [] {
  std::array<std::uint8_t, 256> digits{};
  digits.fill(kNoDigit);
  for (std::uint8_t i = 0; i < 10; ++i) digits['0' + i] = i;
  for (std::uint8_t i = 0; i < 6; ++i) digits['a' + i] = digits['A' + i] = 10 + i;
  return digits;
}();

std::uint8_t HexDigit(char c) { return kHexDigits[static_cast<unsigned char>(c)]; }

// C's isspace() in the "C" locale.
bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

}  // namespace

void DecodeUrl(std::string_view encoded, std::string& decoded) {
  decoded.resize(encoded.size());
  char* to = decoded.data();
  for (std::size_t i = 0; i < encoded.size(); ++i) {
    char c = encoded[i];
    if (c == '+') {
      c = ' ';
    } else if (c == '%' && i + 2 < encoded.size()) {
      const std::uint8_t high = HexDigit(encoded[i + 1]);
      const std::uint8_t low = HexDigit(encoded[i + 2]);
      if (high != kNoDigit && low != kNoDigit) {
        c = static_cast<char>(high * 16 + low);
        i += 2;
      }
    }
    *to++ = c;
  }
  decoded.resize(static_cast<std::size_t>(to - decoded.data()));
}

void FormName::Read(std::string_view encoded) {
  path_.clear();
  DecodeUrl(encoded, decoded_);
  std::string_view name(decoded_);
  name = name.substr(0, name.find('\0'));
  name.remove_prefix(std::min(name.find_first_not_of(' '), name.size()));
  host_prefix_ = name.starts_with(kHostPrefix);
  secure_prefix_ = name.starts_with(kSecurePrefix);

  mangled_.assign(name);
  const std::size_t bracket = std::min(mangled_.find('['), mangled_.size());
  if (bracket == 0) return;
  const auto outer_end = mangled_.begin() + static_cast<std::ptrdiff_t>(bracket);
  std::replace_if(
      mangled_.begin(), outer_end, [](char c) { return c == ' ' || c == '.'; }, '_');

  std::size_t open = bracket;
  bool first = true;
  path_.emplace_back(std::string_view(mangled_).substr(0, bracket));
  while (open < mangled_.size() && mangled_[open] == '[' && path_.size() <= kMaxLevels) {
    const std::size_t key = open + 1;
    std::size_t at = key;
    if (at < mangled_.size() && IsSpace(mangled_[at])) ++at;
    const std::size_t close = mangled_.find(']', at);
    if (close == std::string::npos) {
      // Only the first bracket, left open, becomes part of the outermost key; later ones are
      // dropped with all that follows.
      if (first) {
        std::replace_if(
            outer_end, mangled_.end(), [](char c) { return c == ' ' || c == '.' || c == '['; },
            '_');
        path_.front() = std::string_view(mangled_);
      }
      return;
    }
    if (close == at) {
      path_.emplace_back(std::nullopt);
    } else {
      path_.emplace_back(std::string_view(mangled_).substr(key, close - key));
    }
    first = false;
    open = close + 1;
  }
}

bool FormName::Forbids(std::string_view key) const {
  return (key.starts_with(kHostPrefix) && !host_prefix_) ||
         (key.starts_with(kSecurePrefix) && !secure_prefix_);
}

}  // namespace imrelay
