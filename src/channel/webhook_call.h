#pragma once

#include <string>
#include <string_view>

#include "domain/delivery.h"

namespace imrelay {

enum class CallForm {
  kAsItIs,
  kRemovalAsEdit,  // of a deletion: an edit that says so
};

// What the channel's service is sent of one delivery, as docs/channel-api.md tells it.
struct WebhookCall {
  std::string id;    // the `webhook-id`, without a dot, as the signature wants it
  std::string body;  // JSON
  // The message's text as BBCode and as plain text; empty where there is none.
  std::string bbcode;
  std::string plain;
};

WebhookCall MakeWebhookCall(const Delivery& delivery, CallForm form);

}  // namespace imrelay
