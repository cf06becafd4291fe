#pragma once

#include <string_view>

namespace imrelay {

// The longest id of a message that Bitrix24 keeps as it is, in bytes: it cuts longer ones.
inline constexpr std::size_t kLongestExternalId = 100;

// What keeps Bitrix24 from giving an external message id back as it was given, as a phrase ("a
// message id of more than 100 bytes"); nullptr: nothing does. It trims ids, cuts long ones and
// drops "0" (im/lib/V2/Message/Param.php). Control characters and ill-formed UTF-8 are refused as
// well.
const char* FaultOfExternalId(std::string_view id);

}  // namespace imrelay
