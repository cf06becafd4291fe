#pragma once

#include <chrono>
#include <optional>

#include "base/clock.h"
#include "http/client.h"

namespace imrelay {

// How long the server wants to be left alone: its header Retry-After, in seconds or as a date
// (RFC 9110, 10.2.3). At most a day, not less than nothing; none where there is no such header or
// nobody understands it.
std::optional<std::chrono::milliseconds> RetryAfter(const HttpResponse& response, TimePoint now);

}  // namespace imrelay
