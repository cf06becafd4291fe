#include "http/retry_after.h"

#include <curl/curl.h>

#include <algorithm>
#include <string>

namespace imrelay {
namespace {

constexpr std::chrono::milliseconds kLongest = std::chrono::hours(24);
constexpr std::size_t kMostDigits = 9;  // what is longer is longer than a day

}  // namespace

std::optional<std::chrono::milliseconds> RetryAfter(const HttpResponse& response, TimePoint now) {
  const auto header = response.headers.find("retry-after");
  if (header == response.headers.end() || header->second.empty()) return std::nullopt;
  const std::string& text = header->second;
  if (text.find_first_not_of("0123456789") == std::string::npos) {
    if (text.size() > kMostDigits) return kLongest;
    return std::min<std::chrono::milliseconds>(std::chrono::seconds(std::stol(text)), kLongest);
  }
  const time_t date = curl_getdate(text.c_str(), nullptr);
  if (date < 0) return std::nullopt;
  return std::clamp<std::chrono::milliseconds>(FromUnixSeconds(date) - now,
                                               std::chrono::milliseconds(0), kLongest);
}

}  // namespace imrelay
