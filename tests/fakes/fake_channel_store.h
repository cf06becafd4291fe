#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "store/channel_store.h"

namespace imrelay {

// Keeps what a channel's service asked for, and knows repeats by their key.
class FakeChannelStore final : public ChannelStore {
 public:
  struct Named {
    MemberId portal;
    ConnectorId connector;
    LineId line;
    MessageId message;
    std::vector<ExternalMessageId> ids;
  };
  std::optional<Error> fault;  // of every call
  std::vector<IncomingMessage> incoming;
  std::vector<Named> named;

  Result<Queued> QueueIncoming(const ChannelRequest& request,
                               const IncomingMessage& message) override {
    const std::lock_guard lock(mutex_);
    return Once(request, [&] { incoming.push_back(message); });
  }
  Result<Queued> NameMessage(const ChannelRequest& request, const MemberId& member_id,
                             const ConnectorId& connector, LineId line, MessageId message,
                             const std::vector<ExternalMessageId>& ids) override {
    const std::lock_guard lock(mutex_);
    return Once(request, [&] { named.push_back({member_id, connector, line, message, ids}); });
  }

  Status RetryDelivery(DeliveryId, TimePoint) override { return None(); }
  Result<int> RetryFailed(const ReportQuery&, TimePoint) override { return None(); }
  Status CancelDelivery(DeliveryId, TimePoint) override { return None(); }
  Result<OutboxLevels> FindLevels() override { return None(); }

 private:
  struct Answered {
    std::array<std::uint8_t, 16> content;
    DeliveryId delivery;
  };

  template <class Keep>
  Result<Queued> Once(const ChannelRequest& request, Keep keep) {
    if (fault) return Fail(*fault);
    if (request.key && answered_.contains(*request.key)) {
      const Answered& before = answered_.at(*request.key);
      if (before.content == request.content) return Queued{before.delivery, true};
      return Fail(ErrorCode::kConflict, "the key came with another content", "idempotency_key");
    }
    keep();
    const DeliveryId delivery(static_cast<std::int64_t>(incoming.size() + named.size()));
    if (request.key) answered_[*request.key] = {request.content, delivery};
    return Queued{delivery, false};
  }
  static tl::unexpected<Error> None() {
    return Fail(ErrorCode::kInternal, "not kept by this fake");
  }

  std::mutex mutex_;
  std::map<std::array<std::uint8_t, 16>, Answered> answered_;
};

}  // namespace imrelay
