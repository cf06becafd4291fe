#pragma once

#include <memory>

#include "app/config.h"
#include "app/service.h"
#include "base/clock.h"
#include "base/result.h"
#include "bitrix24/authorization_server.h"
#include "bitrix24/portal_calls.h"
#include "bitrix24/rate_limit.h"
#include "http/client.h"
#include "install/applications.h"
#include "install/portal_api.h"
#include "install/registrar.h"
#include "install/tokens.h"

namespace imrelay {

// Everything that calls Bitrix24, built once for a worker or a command. What all processes of a
// database share beside it are the files DATABASE-tokens (locks) and DATABASE-calls (the rate
// limit). Every member is thread-safe.
struct Bitrix24Side {
  // Keeps references to `service` and `clock`. Errors: those of OpenApplications.
  static Result<std::unique_ptr<Bitrix24Side>> Open(const Config& config, Service& service,
                                                    const Clock& clock);

  Bitrix24Side(const Config& config, Service& service, Applications names, const Clock& clock);
  Bitrix24Side(const Bitrix24Side&) = delete;
  Bitrix24Side& operator=(const Bitrix24Side&) = delete;

  const Applications applications;
  const std::unique_ptr<HttpClient> http;
  AuthorizationServer authorization_server;
  PortalCalls calls;
  RateLimit rate_limit;
  Tokens tokens;
  PortalApi api;
  Registrar registrar;
};

}  // namespace imrelay
