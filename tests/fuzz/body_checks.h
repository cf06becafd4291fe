#pragma once

#include <optional>
#include <string_view>

#include "codec/body.h"
#include "codec/tree.h"

namespace imrelay {

// Reads a body and checks all that holds of every body: the limits, the errors, its JSON, and
// what the journal would keep of it. Returns the tree; none when the body was refused.
std::optional<Tree> CheckBody(BodyFormat format, std::string_view body);

// Holds of what the journal keeps of a body that can be read: it can be read as well, and no name
// in it is a token's.
void CheckJournalled(std::string_view kept);

}  // namespace imrelay
