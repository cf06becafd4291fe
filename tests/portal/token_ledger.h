#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace imrelay {

// A user of a portal, as far as tokens are concerned.
struct TokenHolder {
  std::string member_id;
  std::string application_token;
  std::string scope;
  std::int64_t user_id = 1;
  bool admin = true;
};

struct TokenPair {
  TokenHolder holder;
  std::string access_token;
  std::string refresh_token;
  std::int64_t expires = 0;  // of the access token, unix seconds
};

// The tokens an authorization server has given out. A refresh token works once and brings the next
// pair; the access token beside it stays valid until it expires (whether the real server ends it
// at the refresh is not documented). Not thread-safe.
class TokenLedger {
 public:
  enum class Access { kUnknown, kExpired, kValid };

  // A first pair. The portal's application_token is kept from one call to the next, and made up
  // where `holder` has none.
  TokenPair Issue(TokenHolder holder);

  // The next pair; none when the refresh token is unknown or used up.
  std::optional<TokenPair> Refresh(const std::string& refresh_token);

  Access Check(const std::string& access_token) const;
  // The owner of a token that is not kUnknown.
  const TokenHolder& HolderOf(const std::string& access_token) const;

  // Ends all access tokens of a portal.
  void ExpireAccess(const std::string& member_id);

 private:
  struct AccessToken {
    TokenHolder holder;
    std::int64_t expires = 0;
  };

  std::map<std::string, AccessToken> access_;
  std::map<std::string, TokenHolder> refresh_;  // not used yet
  std::map<std::string, std::string> application_tokens_;
};

}  // namespace imrelay
