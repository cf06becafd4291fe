#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "codec/tree.h"

namespace imrelay {

enum class BodyFormat { kForm, kJson };

// The format of a Content-Type value, parameters and case aside; none when it is neither.
std::optional<BodyFormat> FormatOf(std::string_view content_type);

// Reads a body in either format. Errors: those of ParseForm and ParseJson.
Result<Tree> ParseBody(BodyFormat format, std::string_view body);

// The body for the journal: as posted, less every pair that carries a token or a secret. A JSON
// body is returned as JSON. Never fails: what cannot be read comes back empty.
std::string WithoutTokens(BodyFormat format, std::string_view body);

// The format of what WithoutTokens returned.
BodyFormat FormatOfJournalled(std::string_view body);

}  // namespace imrelay
