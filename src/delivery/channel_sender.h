#pragma once

#include <memory>

#include "base/clock.h"
#include "delivery/channel_directory.h"
#include "store/outbox.h"

namespace imrelay {

struct SenderLimits {
  int under_way = 256;           // deliveries at once, of one process
  int under_way_a_channel = 32;  // so that a slow one leaves room for the others
};

// Sends what the channels are owed: one thread that takes up, hands to the channels and records,
// all in turns, woken by commits and answers. Every queue gets its turn, and every channel its
// share. A quick channel need not wait for the store: up to four times its places are taken up
// ahead, leased, and given back when they would wait for more than a second. What went wrong comes
// again: after the channel's Retry-After, or 1 s, 2 s … 1 h, for three days. A channel that fails
// again and again is left alone but for a probe now and then (EndpointState); one that answers 410
// until its endpoint is turned on. Several processes may send from one database.
class ChannelSender {
 public:
  // Keeps references. `holder` is this process's own.
  ChannelSender(Outbox& outbox, const ChannelDirectory& channels, LeaseHolder holder,
                const Clock& clock, SenderLimits limits = {});
  // Stops: takes up nothing more, waits 5 s at most for what is under way, and records it. What
  // could not be recorded stays leased and is sent again.
  ~ChannelSender();
  ChannelSender(const ChannelSender&) = delete;
  ChannelSender& operator=(const ChannelSender&) = delete;

  // There may be something to send. Thread-safe, quick.
  void Wake();
  // Begins to stop. Returns at once. Thread-safe.
  void Stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace imrelay
