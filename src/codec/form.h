#pragma once

#include <cstddef>
#include <string_view>

#include "base/result.h"
#include "codec/tree.h"

namespace imrelay {

// Limits of every body, whatever its format. The largest body Bitrix24 was computed to send is
// about 240 KB, 8 levels deep.
inline constexpr std::size_t kMaxBodyBytes = 1 << 20;  // 1 MiB
inline constexpr int kMaxLevels = 16;                  // a=1 is one level, a[b]=1 two
inline constexpr int kMaxKeys = 4000;                  // pairs of a form, values of a JSON text

// Reads a form body exactly as PHP 8.2's parse_str() does: php/php-src, main/php_variables.c,
// php_register_variable_ex(). Encoded and raw brackets, `+` and %20, repeated keys (the last
// wins), `a[]`, dots and blanks in top-level names, stray brackets.
// Errors, all kInvalidArgument: body_too_large, too_deep, too_many_keys.
Result<Tree> ParseForm(std::string_view body);

}  // namespace imrelay
