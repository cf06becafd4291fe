#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "store/sqlite/place_rows.h"

namespace imrelay {

// A client's message that Bitrix24 told the number of.
struct TakenIncoming {
  enum class What {
    kUnknown,
    kTaken,
    kDeleted,  // its client has deleted it already: it stays where it is, and nothing is to do
  };
  What what = What::kUnknown;
  std::int64_t created_at = 0;
  std::optional<std::int64_t> updated_at;
};
// Takes the client's message of that id in that chat, in any row of it, out of what has no number
// yet, for the mapping proper. What is still to be sent of it is cancelled: Bitrix24 has it, and it
// is deleted there.
Result<TakenIncoming> TakeIncoming(const ChangeContext& context, const PlaceKeys& place,
                                   const std::string& external_message_id);

}  // namespace imrelay
