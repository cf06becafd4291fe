#include "app/bitrix24_side.h"

#include <utility>

namespace imrelay {
namespace {

ConnectorSettings ConnectorOf(const Config& config) {
  return {config.connector_id, config.connector_name, config.connector_icon, config.public_url};
}

}  // namespace

Result<std::unique_ptr<Bitrix24Side>> Bitrix24Side::Open(const Config& config, Service& service,
                                                         const Clock& clock) {
  Result<Applications> applications = OpenApplications(config, service.keyring);
  if (!applications) return Fail(std::move(applications).error());
  return std::make_unique<Bitrix24Side>(config, service, *std::move(applications), clock);
}

Bitrix24Side::Bitrix24Side(const Config& config, Service& service, Applications names,
                           const Clock& clock)
    : applications(std::move(names)),
      http(MakeCurlClient({config.allow_insecure_loopback, config.private_portals})),
      authorization_server(*http, config.authorization_servers),
      calls(*http, clock),
      rate_limit(config.database_path + "-calls", {config.calls_per_second, config.call_burst},
                 clock),
      tokens(*service.store, service.keyring, authorization_server, applications,
             config.database_path + "-tokens", clock),
      api(tokens, calls, rate_limit, *service.store, clock),
      registrar(api, *service.store, ConnectorOf(config), config.database_path + "-tokens", clock) {
}

}  // namespace imrelay
