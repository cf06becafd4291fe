#include "admin/outbox_checks.h"

#include <doctest/doctest.h>

namespace imrelay {
namespace {

const TimePoint kNow = FromUnixSeconds(1773748800);

OutboxLevels::Queue Waits(Target target, std::chrono::minutes age) {
  return {MemberId("m1"), target, 3, kNow - age};
}

// "warn outbox: found | mend", a line each.
std::string Judge(const OutboxSight& sight) {
  std::string lines;
  for (const Finding& finding : CheckOutbox(sight, kNow)) {
    const char* const levels[] = {"ok", "warn", "fail"};
    lines += std::string(levels[static_cast<int>(finding.level)]) + ' ' + finding.check + ' ' +
             finding.subject + ": " + finding.found + " | " + finding.mend + '\n';
  }
  return lines;
}

TEST_CASE("outbox_checks: what goes out in time is well") {
  CHECK(Judge({}) == "ok outbox : 0 deliveries under way, none late | \n");
  OutboxSight sight;
  sight.levels.queues = {Waits(Target::kChannel, std::chrono::minutes(60)),
                         Waits(Target::kPortal, std::chrono::minutes(1))};
  CHECK(Judge(sight) == "ok outbox : 6 deliveries under way, none late | \n");
}

TEST_CASE("outbox_checks: dead letters are told with what to do") {
  OutboxSight sight;
  sight.levels.failed = 2;
  CHECK(Judge(sight) ==
        "warn outbox : 2 deliveries failed for good (dead letters) | imrelay delivery list --state "
        "failed, then imrelay delivery retry ID or cancel ID, or retry --failed\n");
}

TEST_CASE("outbox_checks: what waits for more than an hour is told") {
  OutboxSight sight;
  sight.levels.queues = {Waits(Target::kConfirmation, std::chrono::minutes(61))};
  CHECK(Judge(sight) ==
        "warn outbox m1: 3 deliveries wait for Bitrix24 (confirmations), the oldest for 61 minutes "
        "| see why: imrelay delivery list --state pending --portal m1\n");
}

TEST_CASE("outbox_checks: what waits for a channel that nobody configured is told") {
  OutboxSight sight;
  sight.channel_configured = false;
  sight.levels.queues = {Waits(Target::kChannel, std::chrono::minutes(1)),
                         Waits(Target::kPortal, std::chrono::minutes(1))};
  CHECK(Judge(sight) ==
        "warn outbox m1: 3 deliveries wait for the channel, the oldest for 1 minutes, and no "
        "channel is configured | set channel.url; what waits is sent then, the oldest first\n");
}

TEST_CASE("outbox_checks: a line that no channel serves is named") {
  OutboxSight sight;
  sight.unserved = {{MemberId("m1"), ConnectorId("relay"), LineId(107), 3}};
  CHECK(Judge(sight) ==
        "warn outbox m1: 3 deliveries of line 107 wait, and no channel serves it | set "
        "channel.url, or write a [[line]] with line = 107\n");
}

TEST_CASE("outbox_checks: a channel that is off fails, one that is probed warns") {
  using State = EndpointState::State;
  OutboxSight sight;
  sight.endpoints = {{"", "f", State::kOff, 1, kNow, kNow, "it answered 410"},
                     {"b", "f", State::kOpen, 9, kNow - std::chrono::minutes(5), kNow, "refused"},
                     {"c", "f", State::kClosed, 0, kNow, kNow, ""}};
  CHECK(Judge(sight) ==
        "fail channel default: off since 2026-03-17T12:00:00Z: it answered 410; nothing is sent to "
        "it | when it takes messages again: imrelay channel on default\n"
        "warn channel b: fails for 5 minutes: refused; it is only probed, and what is for it waits "
        "| see to the channel's service; nothing else is to be done\n");
}

}  // namespace
}  // namespace imrelay
