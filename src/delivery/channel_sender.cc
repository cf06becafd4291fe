#include "delivery/channel_sender.h"

#include <utility>

#include "delivery/bell.h"
#include "delivery/channel_rounds.h"
#include "delivery/round_thread.h"

namespace imrelay {

struct ChannelSender::Impl {
  Impl(Outbox& outbox, const ChannelDirectory& channels, LeaseHolder holder, const Clock& clock,
       SenderLimits limits)
      : rounds(outbox, channels, holder, clock, limits, bell),
        thread("deliveries to channels wait", bell,
               {[this] { return rounds.Round(); }, [this] { rounds.StopTaking(); },
                [this] { return rounds.IsIdle(); }}) {}

  const std::shared_ptr<Bell> bell = std::make_shared<Bell>();
  ChannelRounds rounds;
  RoundThread thread;
};

ChannelSender::ChannelSender(Outbox& outbox, const ChannelDirectory& channels, LeaseHolder holder,
                             const Clock& clock, SenderLimits limits)
    : impl_(std::make_unique<Impl>(outbox, channels, holder, clock, limits)) {}

ChannelSender::~ChannelSender() = default;

void ChannelSender::Wake() { impl_->bell->Ring(); }

void ChannelSender::Stop() { impl_->thread.Stop(); }

}  // namespace imrelay
