#include "admin/outbox_checks.h"

#include <algorithm>

namespace imrelay {
namespace {

constexpr const char* kCheck = "outbox";
constexpr const char* kChannelCheck = "channel";

const char* WordOf(Target target) {
  switch (target) {
    case Target::kChannel:
      return "the channel";
    case Target::kConfirmation:
      return "Bitrix24 (confirmations)";
    case Target::kPortal:
      break;
  }
  return "Bitrix24";
}

std::string AgeOf(TimePoint then, TimePoint now) {
  const auto minutes = std::chrono::duration_cast<std::chrono::minutes>(now - then).count();
  if (minutes < 120) return std::to_string(minutes) + " minutes";
  const auto hours = minutes / 60;
  return hours < 72 ? std::to_string(hours) + " hours" : std::to_string(hours / 24) + " days";
}

void CheckQueues(Findings& findings, const OutboxSight& sight, TimePoint now) {
  for (const OutboxLevels::Queue& queue : sight.levels.queues) {
    const std::string& portal = queue.member_id.value();
    const std::string waits = std::to_string(queue.open) + " deliveries wait for " +
                              WordOf(queue.target) + ", the oldest for " + AgeOf(queue.oldest, now);
    const std::string list = "imrelay delivery list --state pending --portal " + portal;
    if (queue.target == Target::kChannel && !sight.channel_configured) {
      findings.push_back(Warn(kCheck, portal, waits + ", and no channel is configured",
                              "set channel.url; what waits is sent then, the oldest first"));
    } else if (now - queue.oldest > kWaitsTooLong) {
      findings.push_back(Warn(kCheck, portal, waits, "see why: " + list));
    }
  }
}

void CheckUnserved(Findings& findings, const OutboxLevels::Line& line) {
  const std::string number = std::to_string(line.line.value());
  findings.push_back(Warn(kCheck, line.member_id.value(),
                          std::to_string(line.open) + " deliveries of line " + number +
                              " wait, and no channel serves it",
                          "set channel.url, or write a [[line]] with line = " + number));
}

void CheckEndpoint(Findings& findings, const EndpointState& endpoint, TimePoint now) {
  const std::string name = endpoint.name.empty() ? "default" : endpoint.name;
  if (endpoint.state == EndpointState::State::kOff) {
    findings.push_back(Broken(kChannelCheck, name,
                              "off since " + FormatUtc(endpoint.since) + ": " + endpoint.reason +
                                  "; nothing is sent to it",
                              "when it takes messages again: imrelay channel on " + name));
  } else if (endpoint.state == EndpointState::State::kOpen) {
    findings.push_back(Warn(kChannelCheck, name,
                            "fails for " + AgeOf(endpoint.since, now) + ": " + endpoint.reason +
                                "; it is only probed, and what is for it waits",
                            "see to the channel's service; nothing else is to be done"));
  }
}

}  // namespace

Findings CheckOutbox(const OutboxSight& sight, TimePoint now) {
  Findings findings;
  if (sight.levels.failed > 0) {
    findings.push_back(
        Warn(kCheck, "",
             std::to_string(sight.levels.failed) + " deliveries failed for good (dead letters)",
             "imrelay delivery list --state failed, then imrelay delivery retry ID "
             "or cancel ID, or retry --failed"));
  }
  CheckQueues(findings, sight, now);
  for (const OutboxLevels::Line& line : sight.unserved) CheckUnserved(findings, line);
  for (const EndpointState& endpoint : sight.endpoints) CheckEndpoint(findings, endpoint, now);
  if (findings.empty()) {
    std::int64_t open = 0;
    for (const OutboxLevels::Queue& queue : sight.levels.queues) open += queue.open;
    findings.push_back(Ok(kCheck, "", std::to_string(open) + " deliveries under way, none late"));
  }
  return findings;
}

}  // namespace imrelay
