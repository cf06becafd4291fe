#pragma once

#include <string>
#include <string_view>

namespace imrelay {

// ASCII only and the same in every locale; bytes above 0x7F stay as they are.
std::string LowerAscii(std::string_view text);
std::string UpperAscii(std::string_view text);
bool EqualsAnyCase(std::string_view a, std::string_view b);

}  // namespace imrelay
