#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "codec/tree.h"

namespace imrelay::stand_in {

// A call's parameters, whose names count without regard to case.

// The text, or `otherwise` when there is none.
std::string Text(const Tree& parameters, std::string_view name, std::string otherwise = {});
// A whole number, as PHP's intval() reads it; `otherwise` when there is none.
std::int64_t Number(const Tree& parameters, std::string_view name, std::int64_t otherwise);
// False for 0, "", "0", "N", "n"; `otherwise` when there is none.
bool Flag(const Tree& parameters, std::string_view name, bool otherwise);

// None unless the whole text is a number.
std::optional<std::int64_t> NumberOf(std::string_view text);

std::string ToUpper(std::string_view text);
std::string ToLower(std::string_view text);

}  // namespace imrelay::stand_in
