#include "channel/signature.h"

#include <array>
#include <cstdint>
#include <optional>

#include "crypto/digest.h"

namespace imrelay {
namespace {

constexpr std::string_view kPrefix = "whsec_";
constexpr std::size_t kShortestKey = 24;
constexpr std::size_t kLongestKey = 64;

// The bytes of "whsec_…"; none when it is something else.
std::optional<Secret> KeyOf(const Secret& secret) {
  const std::string_view text = secret.Reveal();
  if (!text.starts_with(kPrefix)) return std::nullopt;
  std::optional<std::string> bytes = FromBase64(text.substr(kPrefix.size()));
  if (!bytes) return std::nullopt;
  Secret key(*std::move(bytes));
  if (key.Reveal().size() < kShortestKey || key.Reveal().size() > kLongestKey) return std::nullopt;
  return key;
}

}  // namespace

Result<std::string> WebhookSignature(const std::vector<Secret>& secrets, std::string_view id,
                                     long long timestamp, std::string_view body) {
  const std::string seconds = std::to_string(timestamp);
  std::string header;
  for (const Secret& secret : secrets) {
    const std::optional<Secret> key = KeyOf(secret);
    if (!key) {
      return Fail(ErrorCode::kInvalidArgument,
                  "a signing secret is not whsec_ and the base64 of 24 to 64 bytes");
    }
    const std::array<std::string_view, 5> parts{id, ".", seconds, ".", body};
    const std::array<std::uint8_t, 32> hmac = HmacSha256(key->Reveal(), parts);
    if (!header.empty()) header += ' ';
    header += "v1,";
    header += Base64({reinterpret_cast<const char*>(hmac.data()), hmac.size()});
  }
  return header;
}

}  // namespace imrelay
