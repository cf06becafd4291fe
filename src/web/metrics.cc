#include "web/metrics.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace imrelay {
namespace {

// Bitrix24 takes a refresh token for 180 days.
// Source: bitrix24/b24restdocs, settings/oauth/index.md (2026-08-21).
constexpr std::chrono::hours kRefreshTokenLife{180 * 24};

double SecondsBetween(TimePoint from, TimePoint to) {
  return std::chrono::duration<double>(to - from).count();
}

const char* WordOf(Target target) {
  switch (target) {
    case Target::kChannel:
      return "channel";
    case Target::kConfirmation:
      return "confirmation";
    case Target::kPortal:
      break;
  }
  return "portal";
}

void AddPortals(const std::vector<PortalAccess>& portals, TimePoint now,
                std::vector<Level>& levels) {
  for (const PortalAccess& portal : portals) {
    const MetricLabels labels{{"member_id", portal.member_id.value()}};
    if (portal.last_event_at) {
      levels.push_back({"imrelay_portal_last_event_age_seconds", labels,
                        SecondsBetween(*portal.last_event_at, now)});
    }
    if (portal.status == PortalStatus::kActive && portal.tokens_granted_at) {
      levels.push_back({"imrelay_portal_token_expires_seconds", labels,
                        SecondsBetween(now, *portal.tokens_granted_at + kRefreshTokenLife)});
    }
  }
}

void AddQueues(const OutboxLevels& outbox, TimePoint now, std::vector<Level>& levels) {
  for (const OutboxLevels::Queue& queue : outbox.queues) {
    const MetricLabels labels{{"member_id", queue.member_id.value()},
                              {"target", WordOf(queue.target)}};
    levels.push_back({"imrelay_queue_length", labels, static_cast<double>(queue.open)});
    levels.push_back(
        {"imrelay_queue_oldest_age_seconds", labels, SecondsBetween(queue.oldest, now)});
  }
  levels.push_back({"imrelay_deliveries_failed", {}, static_cast<double>(outbox.failed)});
  levels.push_back({"imrelay_messages_undeletable", {}, static_cast<double>(outbox.undeletable)});
}

}  // namespace

Result<std::vector<Level>> FindLevels(const MeasuredStores& stores,
                                      const std::vector<ChannelAddress>& channels, TimePoint now) {
  Result<std::map<std::string, std::int64_t>> counts = stores.portals.CountPortals();
  if (!counts) return Fail(std::move(counts).error());
  Result<std::vector<PortalAccess>> portals = stores.portals.ListAccess();
  if (!portals) return Fail(std::move(portals).error());
  Result<OutboxLevels> outbox = stores.channels.FindLevels();
  if (!outbox) return Fail(std::move(outbox).error());
  Result<std::vector<EndpointState>> endpoints = stores.outbox.Endpoints();
  if (!endpoints) return Fail(std::move(endpoints).error());
  std::vector<Level> levels;
  for (const auto& [status, count] : *counts) {
    levels.push_back({"imrelay_portals", {{"status", status}}, static_cast<double>(count)});
  }
  AddPortals(*portals, now, levels);
  AddQueues(*outbox, now, levels);
  for (const EndpointState& endpoint : StatesOf(channels, *endpoints)) {
    levels.push_back({"imrelay_channel_state",
                      {{"channel", endpoint.name.empty() ? "default" : endpoint.name},
                       {"state", WordOf(endpoint.state)}},
                      1});
  }
  return levels;
}

Response MetricsAnswer(const std::vector<Level>& levels) {
  Response response;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  response.body = MetricsText(levels);
  return response;
}

}  // namespace imrelay
