#pragma once

#include <memory>
#include <optional>

#include "app/bitrix24_side.h"
#include "app/config.h"
#include "app/service.h"
#include "base/clock.h"
#include "base/file_lock.h"
#include "base/result.h"
#include "delivery/channel_directory.h"
#include "delivery/channel_sender.h"
#include "delivery/portal_sender.h"
#include "http/async_client.h"

namespace imrelay {

// Everything that sends what was committed, for a worker. What it takes up it holds under a number
// that it has locked in the file DATABASE-senders: what the last holder of that number left behind
// is taken up again at once.
class DeliverySide {
 public:
  // Keeps references. Begins to send. Errors: those of OpenChannels; kUnavailable when the file or
  // the database is away.
  static Result<std::unique_ptr<DeliverySide>> Open(const Config& config, Service& service,
                                                    Bitrix24Side& bitrix24, const Clock& clock);
  // Waits for what is under way: RoundThread::kLongestStop and the time-out of a call at most.
  ~DeliverySide();
  DeliverySide(const DeliverySide&) = delete;
  DeliverySide& operator=(const DeliverySide&) = delete;

 private:
  DeliverySide(Outbox& outbox, FileLock lock) : outbox_(outbox), lock_(std::move(lock)) {}

  Outbox& outbox_;
  const FileLock lock_;
  // The client ends before the channels: no answer comes to one that is gone.
  std::unique_ptr<ChannelDirectory> channels_;
  std::unique_ptr<AsyncHttpClient> http_;
  std::unique_ptr<ChannelSender> channel_sender_;
  std::unique_ptr<PortalSender> portal_sender_;
};

}  // namespace imrelay
