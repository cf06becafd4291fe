#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "domain/ids.h"
#include "http/client.h"

namespace imrelay {

// The application's own credentials, from its card in Bitrix24. Secrets go to the authorization
// servers only.
struct ApplicationCredentials {
  std::string client_id;
  Secret client_secret;
};

// The two official authorization servers. Source: bitrix24, rest/lib/Internal/Service/OAuth/
// AuthorizationServerUrlResolver.php; both official SDKs.
inline constexpr const char* kOfficialAuthorizationServers[] = {"https://oauth.bitrix.info",
                                                                "https://oauth.bitrix24.tech"};

// What a refresh gives. The old refresh token is used up, whatever happens to this answer.
struct TokenGrant {
  MemberId member_id;
  std::string client_endpoint;  // "https://portal.example/rest/"
  std::string scope;
  Secret access_token;
  Secret refresh_token;
  std::optional<std::int64_t> expires;  // unix seconds
  std::string server;                   // which of ours granted it: one of its base URLs
};

// What app.info says of an access token. Undocumented; the official SDKs and starter kits read
// result.client_id and result.install.{uri, member_id}.
// Sources: bitrix24/b24phpsdk, guardValidateCurrentAuthToken; b24pysdk, validate_placement_request.
struct TokenOwner {
  std::string portal_url;  // result.install.uri
  std::optional<MemberId> member_id;
  std::optional<std::string> client_id;
};

// The authorization servers we trust. Thread-safe when the client is. They are asked in turn until
// one knows the token. Error codes of both calls, with the server's error word in lower case as
// the reason:
// kUnavailable: no answer, 5xx, a broken answer, from one of them at least: ask again later;
// kUnauthenticated: refused ("invalid_grant": the token is used up or expired; "payment_required",
// "not_found" and the others: for reasons that lie in the portal). Where servers differ, the word
// of the one that seems to know the token counts: payment_required, then invalid_grant; kInternal:
// our own client id, secret or server address is wrong ("invalid_client", "not_configured").
class AuthorizationServer {
 public:
  // `base_urls` are tried in order, without a trailing slash.
  AuthorizationServer(HttpClient& http, std::vector<std::string> base_urls);

  // `hint` is the server an event named: it is asked first if it is one of ours, else ignored.
  Result<TokenGrant> Refresh(const ApplicationCredentials& application, const Secret& refresh_token,
                             const std::string& hint);
  // `patience` is for all servers together, each having a second at least.
  Result<TokenOwner> AppInfo(const Secret& access_token, const std::string& hint,
                             std::chrono::milliseconds patience = std::chrono::seconds(10));

 private:
  std::vector<std::string> InOrder(const std::string& hint) const;

  HttpClient& http_;
  std::vector<std::string> base_urls_;
};

}  // namespace imrelay
