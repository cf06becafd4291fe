#include "domain/external_id.h"

#include <algorithm>

#include "base/utf8.h"

namespace imrelay {

const char* FaultOfExternalId(std::string_view id) {
  if (id.empty()) return "an empty message id";
  if (id == "0") return "the message id 0, which Bitrix24 never keeps";
  if (id.size() > kLongestExternalId) return "a message id of more than 100 bytes";
  const auto is_control = [](unsigned char c) { return c < ' ' || c == 0x7F; };
  if (!IsValidUtf8(id) || std::any_of(id.begin(), id.end(), is_control)) {
    return "a message id with unprintable characters";
  }
  return id.front() == ' ' || id.back() == ' ' ? "a message id with blanks at its ends" : nullptr;
}

}  // namespace imrelay
