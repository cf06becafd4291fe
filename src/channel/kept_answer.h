#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace imrelay {

// A service's answer as the attempt ledger keeps it, for people who look for a reason: JSON as
// "key: value; …", on one line, valid UTF-8, at most kMaxKeptAnswer bytes. What could be a secret
// (20 and more of A–Z, a–z, 0–9, _ and -) becomes "…". Empty when it repeats any of `texts`, or 16
// bytes of one: an answer must not bring the message's text into the ledger.
std::string KeptAnswer(std::string_view body, const std::vector<std::string_view>& texts);

}  // namespace imrelay
