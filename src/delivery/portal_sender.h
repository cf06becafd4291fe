#pragma once

#include <memory>

#include "base/clock.h"
#include "install/portal_api.h"
#include "store/outbox.h"

namespace imrelay {

// Sends what the portals are owed: confirmations (imconnector.send.status.delivery, up to 50
// messages of a connector and line in one call) before everything else, then the clients' messages
// (imconnector.send/update/delete.messages, one a call, so that one that is refused does not take
// others along) and notices for operators (im.message.add). A few threads, one portal each at a
// time; one that fails or has used up its rate is left alone for a while, so that none waits for
// another.
class PortalSender {
 public:
  // Keeps references. `holder` is this process's own.
  PortalSender(Outbox& outbox, PortalApi& api, LeaseHolder holder, const Clock& clock,
               int threads = 8);
  ~PortalSender();  // stops as ChannelSender does
  PortalSender(const PortalSender&) = delete;
  PortalSender& operator=(const PortalSender&) = delete;

  // There may be something to send. Thread-safe, quick.
  void Wake();
  void Stop();  // begins to

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace imrelay
