#pragma once

#include <string>
#include <string_view>

namespace imrelay {

// True for well-formed UTF-8 (Unicode 15, table 3-7): no overlong forms, no surrogates, nothing
// above U+10FFFF. The empty string is valid.
bool IsValidUtf8(std::string_view bytes);

// The text with every maximal ill-formed part replaced by one U+FFFD (Unicode 15, chapter 3.9,
// "U+FFFD Substitution of Maximal Subparts"). Valid text comes back unchanged.
std::string ReplaceInvalidUtf8(std::string_view bytes);

}  // namespace imrelay
