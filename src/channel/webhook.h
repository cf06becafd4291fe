#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/secret.h"
#include "channel/channel.h"
#include "http/async_client.h"

namespace imrelay {

struct WebhookSettings {
  std::string url;
  // "whsec_" and base64: what signs, then what signed before, while a secret is being replaced;
  // both sign. Empty: nothing is signed.
  std::vector<Secret> secrets;
};

// The company's own service: `POST url`, signed by the Standard Webhooks rules
// (github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md); docs/channel-api.md
// tells both sides. Keeps references to `http` and `clock`.
std::unique_ptr<Channel> MakeWebhookChannel(WebhookSettings settings, AsyncHttpClient& http,
                                            const Clock& clock);

}  // namespace imrelay
