#include "tests/portal/authorization.h"

#include "tests/portal/parameters.h"

namespace imrelay::stand_in {

PhpValue Describe(const Cloud& cloud, const Portal& portal, const TokenPair& pair) {
  const std::string& url = cloud.authorization_url;
  return PhpValue::Map({{"access_token", pair.access_token},
                        {"expires", pair.expires},
                        {"expires_in", 3600},
                        {"scope", pair.holder.scope},
                        {"domain", url.substr(url.find("//") + 2)},
                        {"server_endpoint", cloud.ServerEndpoint()},
                        {"status", "L"},
                        {"client_endpoint", cloud.ClientEndpoint(portal)},
                        {"member_id", pair.holder.member_id},
                        {"user_id", pair.holder.user_id},
                        {"refresh_token", pair.refresh_token}});
}

Reply RefreshTokens(Cloud& cloud, const Tree& parameters, std::string& secret,
                    std::string& member_id) {
  const std::string refresh_token = Text(parameters, "refresh_token");
  const TokenHolder* holder = cloud.ledger.FindRefresh(refresh_token);
  if (holder != nullptr) member_id = holder->member_id;
  const std::string client_id = Text(parameters, "client_id");
  const Application* application = client_id.empty() ? nullptr : cloud.FindApplication(client_id);
  const bool right =
      application != nullptr && application->client_secret == Text(parameters, "client_secret");
  secret = right ? "right" : "wrong";
  if (!right) return Refuse(401, "invalid_client", "Invalid client");
  const std::string grant_type = Text(parameters, "grant_type");
  if (grant_type == "authorization_code") {
    return Refuse(400, "bad_verification_code", "Code is invalid or has expired");
  }
  if (grant_type != "refresh_token" || refresh_token.empty()) {
    return Refuse(400, "invalid_request", "The request is missing a parameter or has a wrong one");
  }
  if (holder == nullptr) return Refuse(400, "invalid_grant", "Invalid grant");
  if (holder->client_id != client_id) {
    return Refuse(401, "wrong_client", "The token belongs to another application");
  }
  Portal& portal = cloud.PortalOf(holder->member_id);
  if (portal.deleted) return Refuse(404, "portal_not_found", "Portal not found");
  const Installation* installation = cloud.FindInstallation(portal, client_id);
  if (installation == nullptr) {
    return Refuse(401, "wrong_client", "The application is not installed");
  }
  if (installation->payment_expired) {
    return Refuse(400, "PAYMENT_REQUIRED", "Payment required");
  }
  return Reply{200, Describe(cloud, portal, *cloud.ledger.Refresh(refresh_token))};
}

Reply CheckAccess(const Cloud& cloud, const std::string& access_token) {
  if (access_token.empty()) return Refuse(401, "NO_AUTH_FOUND", "Wrong authorization data");
  switch (cloud.ledger.Check(access_token)) {
    case TokenLedger::Access::kUnknown:
      return Refuse(401, "invalid_token", "Unable to get application by token");
    case TokenLedger::Access::kExpired:
      return Refuse(401, "expired_token", "The access token provided has expired.");
    case TokenLedger::Access::kValid:
      break;
  }
  return {};
}

Reply TokenInfo(Cloud& cloud, const std::string& access_token) {
  if (Reply refused = CheckAccess(cloud, access_token); refused.status != 200) return refused;
  const TokenHolder& holder = cloud.ledger.HolderOf(access_token);
  Portal& portal = cloud.PortalOf(holder.member_id);
  const Installation* installation = cloud.FindInstallation(portal, holder.client_id);
  if (installation == nullptr) {
    return Refuse(401, "APPLICATION_NOT_FOUND", "Application not found");
  }
  const PhpValue install = PhpValue::Map({{"installed", installation->installed},
                                          {"version", std::to_string(installation->version)},
                                          {"status", "L"},
                                          {"scope", holder.scope},
                                          {"domain", portal.address},
                                          {"uri", "http://" + portal.address},
                                          {"member_id", holder.member_id}});
  return Answer(PhpValue::Map({{"client_id", holder.client_id}, {"install", install}}));
}

}  // namespace imrelay::stand_in
