#include "app/delivery_side.h"

#include <string>
#include <utility>

#include "app/channels.h"

namespace imrelay {
namespace {

constexpr LeaseHolder kMostHolders = 1024;

struct Held {
  LeaseHolder holder;
  FileLock lock;
};

Result<Held> TakeHolder(const std::string& file) {
  for (LeaseHolder holder = 0; holder < kMostHolders; ++holder) {
    Result<std::optional<FileLock>> lock = FileLock::Try(file, holder);
    if (!lock) return Fail(std::move(lock).error());
    if (*lock) return Held{holder, **std::move(lock)};
  }
  return Fail(ErrorCode::kUnavailable, file + ": too many workers hold it");
}

}  // namespace

Result<std::unique_ptr<DeliverySide>> DeliverySide::Open(const Config& config, Service& service,
                                                         Bitrix24Side& bitrix24,
                                                         const Clock& clock) {
  Outbox& outbox = *service.store;
  Result<Held> held = TakeHolder(config.database_path + "-senders");
  if (!held) return Fail(std::move(held).error());
  if (Status released = outbox.ReleaseLeases(held->holder); !released) {
    return Fail(std::move(released).error());
  }
  std::unique_ptr<DeliverySide> side(new DeliverySide(outbox, std::move(held->lock)));
  AddressPolicy policy;
  policy.any_address = true;  // the operator's own
  policy.https_to_public = true;
  side->http_ = MakeAsyncCurlClient(policy);
  Result<std::unique_ptr<ChannelDirectory>> channels =
      OpenChannels(config, service.keyring, *side->http_, clock);
  if (!channels) return Fail(std::move(channels).error());
  side->channels_ = *std::move(channels);
  side->channel_sender_ =
      std::make_unique<ChannelSender>(outbox, *side->channels_, held->holder, clock);
  side->portal_sender_ = std::make_unique<PortalSender>(outbox, bitrix24.api, held->holder, clock);
  // Each looks by itself several times a second: what is committed before this is not lost.
  outbox.OnQueued(
      [to_channels = side->channel_sender_.get(), to_portals = side->portal_sender_.get()] {
        to_channels->Wake();
        to_portals->Wake();
      });
  return side;
}

DeliverySide::~DeliverySide() {
  if (portal_sender_ == nullptr) return;
  outbox_.OnQueued(nullptr);
  channel_sender_->Stop();
  portal_sender_->Stop();
}

}  // namespace imrelay
