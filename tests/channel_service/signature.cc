#include "tests/channel_service/signature.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <vector>

namespace imrelay::channel_service {
namespace {

constexpr std::string_view kPrefix = "whsec_";

std::vector<unsigned char> KeyOf(std::string_view secret) {
  if (!secret.starts_with(kPrefix)) return {};
  secret.remove_prefix(kPrefix.size());
  std::vector<unsigned char> key(secret.size() / 4 * 3 + 3);
  const int length =
      EVP_DecodeBlock(key.data(), reinterpret_cast<const unsigned char*>(secret.data()),
                      static_cast<int>(secret.size()));
  if (length < 0) return {};
  std::size_t padding = 0;
  while (padding < 2 && secret.ends_with('=')) {
    secret.remove_suffix(1);
    ++padding;
  }
  key.resize(static_cast<std::size_t>(length) - padding);
  return key;
}

}  // namespace

std::string Sign(std::string_view secret, std::string_view id, std::string_view timestamp,
                 std::string_view body) {
  const std::vector<unsigned char> key = KeyOf(secret);
  if (key.empty()) return {};
  std::string signed_text;
  for (const std::string_view part : {id, timestamp, body}) {
    if (!signed_text.empty()) signed_text += '.';
    signed_text += part;
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(signed_text.data()), signed_text.size(),
       digest.data(), &length);
  std::array<unsigned char, 2 * EVP_MAX_MD_SIZE> text{};
  const int written = EVP_EncodeBlock(text.data(), digest.data(), static_cast<int>(length));
  return {reinterpret_cast<const char*>(text.data()), static_cast<std::size_t>(written)};
}

bool Verifies(std::string_view header, std::string_view secret, std::string_view id,
              std::string_view timestamp, std::string_view body) {
  const std::string right = "v1," + Sign(secret, id, timestamp, body);
  while (!header.empty()) {
    const std::size_t blank = header.find(' ');
    if (header.substr(0, blank) == right && right.size() > 3) return true;
    if (blank == header.npos) break;
    header.remove_prefix(blank + 1);
  }
  return false;
}

}  // namespace imrelay::channel_service
