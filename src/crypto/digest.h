#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace imrelay {

// BLAKE2b-128 over parts, each preceded by its length, so that ("ab","c") and ("a","bc") differ.
std::array<std::uint8_t, 16> Digest(std::span<const std::string_view> parts);

// HMAC-SHA256 (RFC 2104) over the parts, one after the other with nothing between.
std::array<std::uint8_t, 32> HmacSha256(std::string_view key,
                                        std::span<const std::string_view> parts);

// Compares without telling by its time where two values differ. Different lengths are unequal.
bool EqualInConstantTime(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b);

// Base64, the standard alphabet with padding.
std::string Base64(std::string_view bytes);
// Nothing when the text is not base64.
std::optional<std::string> FromBase64(std::string_view text);

// A uniformly random number below `limit` (> 0), for jitter.
std::uint32_t RandomBelow(std::uint32_t limit);

}  // namespace imrelay
