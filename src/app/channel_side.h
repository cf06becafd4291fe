#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "app/config.h"
#include "app/service.h"
#include "base/clock.h"
#include "base/result.h"
#include "web/channel_api.h"
#include "web/http.h"
#include "web/request_pool.h"
#include "web/telegram_updates.h"

namespace imrelay {

// Everything below /channel/: the channel API, and what bots' clients write. Thread-safe.
class ChannelSide {
 public:
  // Keeps references. Errors: kInvalidArgument, naming the key: as OpenSecret, and a sealed key
  // that is too short or another channel's.
  static Result<std::unique_ptr<ChannelSide>> Open(const Config& config, Service& service,
                                                   const Clock& clock);

  void Handle(const Request& request, Reply reply);

  // Answers what waits for its turn with 503 and takes nothing more; returns when the others are
  // answered. Repeating it does nothing.
  void Stop() { pool_.Stop(); }

 private:
  ChannelSide(const Config& config, Service& service, std::vector<ChannelCaller> callers,
              std::vector<TelegramBot> bots, const Clock& clock);

  ChannelApi api_;
  TelegramUpdates telegram_;
  RequestPool pool_;  // goes first: its threads use the others
};

}  // namespace imrelay
