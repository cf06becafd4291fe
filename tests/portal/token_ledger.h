#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace imrelay {

// A user of a portal, as far as tokens of one application are concerned.
struct TokenHolder {
  std::string member_id;
  std::string application_token;
  std::string scope;
  std::int64_t user_id = 1;
  bool admin = true;
  std::string client_id;  // the application's; empty: the first one
};

struct TokenPair {
  TokenHolder holder;
  std::string access_token;
  std::string refresh_token;
  std::int64_t expires = 0;  // of the access token, unix seconds
};

// Thirty-two hexadecimal digits that nobody guesses.
std::string RandomHex();

// The tokens an authorization server has given out. A refresh token works once and brings the next
// pair; the access token beside it dies then, as older documentation says, unless
// `former_access_lives` (which today's does not tell). Not thread-safe.
class TokenLedger {
 public:
  enum class Access { kUnknown, kExpired, kValid };

  bool former_access_lives = false;

  // A first pair; chains of a user do not disturb each other.
  TokenPair Issue(TokenHolder holder);

  // Whose the refresh token is; null when it is unknown or used up.
  const TokenHolder* FindRefresh(const std::string& refresh_token) const;
  // The next pair; none when the refresh token is unknown or used up.
  std::optional<TokenPair> Refresh(const std::string& refresh_token);
  // How many refreshes a portal has had.
  int RefreshCount(const std::string& member_id) const;

  Access Check(const std::string& access_token) const;
  // The owner of a token that is not kUnknown.
  const TokenHolder& HolderOf(const std::string& access_token) const;

  // Ends all access tokens of a portal.
  void ExpireAccess(const std::string& member_id);
  // Ends every token that an application has in a portal, for good. An empty client_id: of all.
  void Revoke(const std::string& member_id, const std::string& client_id);

 private:
  struct AccessToken {
    TokenHolder holder;
    std::int64_t expires = 0;
  };
  struct RefreshToken {
    TokenHolder holder;
    std::string access_token;
  };

  std::map<std::string, AccessToken> access_;
  std::map<std::string, RefreshToken> refresh_;  // not used yet
  std::map<std::string, int> refreshes_;
};

}  // namespace imrelay
