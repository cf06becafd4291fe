#include "install/portal_api.h"

namespace imrelay {

PortalApi::PortalApi(Tokens& tokens, PortalCalls& calls, RateLimit& rate_limit, PortalStore& store,
                     const Clock& clock)
    : tokens_(tokens), calls_(calls), rate_limit_(rate_limit), store_(store), clock_(clock) {}

CallResult PortalApi::Send(const MemberId& member_id, const Call& call, std::chrono::milliseconds) {
  const auto portal = store_.FindAccess(member_id);
  return calls_.Send((*portal)->client_endpoint, Secret("the-token"), call);
}

Tokens::Tokens(PortalStore& store, const Keyring& keyring,
               AuthorizationServer& authorization_server, Applications applications,
               std::string lock_file, const Clock& clock)
    : store_(store),
      keyring_(keyring),
      authorization_server_(authorization_server),
      applications_(std::move(applications)),
      lock_file_(std::move(lock_file)),
      clock_(clock) {}

}  // namespace imrelay
