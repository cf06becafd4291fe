#include "base/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <array>
#include <iterator>
#include <memory>
#include <mutex>

namespace imrelay {
namespace {

struct Known {
  enum class Kind { kCounter, kSeconds, kSizes, kLevel };
  std::string_view name;
  Kind kind;
  const char* help;
};

using enum Known::Kind;
constexpr Known kKnown[] = {
    // Counted by this process.
    {"imrelay_events_total", kCounter,
     "Posted events, by event, status (accepted, duplicate, ignored, refused, spooled) and "
     "source."},
    {"imrelay_events_lost_total", kCounter,
     "Posted events that could be written neither to the database nor to the spool, and were "
     "answered by 503, or by 500 where the fault is imrelay's. Bitrix24 does not send them again."},
    {"imrelay_spool_damaged_total", kCounter,
     "Pieces of spool files that could not be read and were set aside in spool/damaged."},
    {"imrelay_deletions_found_total", kCounter,
     "Events that brought a deletion first, by source (webhook, spool, offline, readback)."},
    {"imrelay_event_commit_seconds", kSeconds,
     "From an event's arrival to its answer, which is when it is on disk."},
    {"imrelay_commit_batch_size", kSizes, "Plans that one commit of the database carried."},
    {"imrelay_deliveries_total", kCounter,
     "Deliveries that a sender ended, by kind and state (done, failed, cancelled). What a "
     "deletion, an "
     "uninstallation or a command cancels is in imrelay stats."},
    {"imrelay_deletions_total", kCounter, "Operators' deletions that a sender ended, by outcome."},
    {"imrelay_attempts_total", kCounter,
     "Attempts to send, by target (channel, confirmation, portal) and result."},
    {"imrelay_attempt_seconds", kSeconds, "How long attempts took, by target."},
    {"imrelay_rest_calls_total", kCounter,
     "Calls to portals, by method and error (none, token, moved, later, removed, forbidden, "
     "permanent)."},
    {"imrelay_channel_requests_total", kCounter,
     "Requests of channels to the channel API, by path and HTTP status."},
    // As they are at this moment.
    {"imrelay_spool_files", kLevel, "Files that wait in the spool, by directory."},
    {"imrelay_spool_bytes", kLevel, "Bytes that wait in the spool, by directory."},
    {"imrelay_spool_oldest_age_seconds", kLevel,
     "Since the oldest file that waits in the spool was begun, by directory."},
    {"imrelay_portals", kLevel,
     "Portals by status. The tokens of a dead one work no more: the application must be opened "
     "there."},
    {"imrelay_portal_last_event_age_seconds", kLevel, "Since the last event of a portal."},
    {"imrelay_portal_token_expires_seconds", kLevel,
     "Until a portal's refresh token has to be renewed by; below 0 is too late."},
    {"imrelay_queue_length", kLevel, "Open deliveries, by portal and target."},
    {"imrelay_queue_oldest_age_seconds", kLevel,
     "Age of the oldest open delivery, by portal and target."},
    {"imrelay_deliveries_failed", kLevel, "Deliveries that failed for good and wait for somebody."},
    {"imrelay_messages_undeletable", kLevel,
     "Messages that were confirmed without ids, so that their deletion never comes."},
    {"imrelay_channel_state", kLevel,
     "1 for the state of a channel's endpoint: closed (all is well), open (it fails, and is only "
     "probed) or off (it answered 410)."},
    {"imrelay_database_bytes", kLevel, "Of the database's file."},
    {"imrelay_wal_bytes", kLevel,
     "Of its write-ahead log. The worker begins it anew at 64 MiB; one that goes on growing is one "
     "that somebody reads an old state of, as a backup does, or a forgotten sqlite3 shell."},
};

const Known* Find(std::string_view name) {
  for (const Known& known : kKnown) {
    if (known.name == name) return &known;
  }
  return nullptr;
}

prometheus::Registry& Counted() {
  static prometheus::Registry registry;
  return registry;
}

// The metrics of one kind that were counted once. To find one by way of the registry takes several
// microseconds, which an event should not pay for.
template <class Metric>
class Kept {
 public:
  // The one of these labels, made by `make` the first time. Metrics are never removed.
  template <class Make>
  Metric& Get(const Known& known, const MetricLabels& labels, Make make) {
    const std::lock_guard lock(mutex_);
    std::map<MetricLabels, Metric*>& of_name = kept_[static_cast<std::size_t>(&known - kKnown)];
    const auto found = of_name.find(labels);
    if (found != of_name.end()) return *found->second;
    return *(of_name[labels] = &make());
  }

 private:
  std::mutex mutex_;
  std::array<std::map<MetricLabels, Metric*>, std::size(kKnown)> kept_;
};

prometheus::Histogram::BucketBoundaries BoundariesOf(Known::Kind kind) {
  if (kind == kSizes) return {1, 2, 5, 10, 20, 50, 100, 200, 500};
  return {0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30};
}

}  // namespace

void Count(std::string_view name, const MetricLabels& labels, double by) {
  const Known* const known = Find(name);
  if (known == nullptr || known->kind != kCounter) return;
  static Kept<prometheus::Counter> counters;
  // Registering what is there gives the one that is there.
  const auto make = [&]() -> prometheus::Counter& {
    return prometheus::BuildCounter()
        .Name(std::string(name))
        .Help(known->help)
        .Register(Counted())
        .Add(labels);
  };
  counters.Get(*known, labels, make).Increment(by);
}

void Observe(std::string_view name, double value, const MetricLabels& labels) {
  const Known* const known = Find(name);
  if (known == nullptr || (known->kind != kSeconds && known->kind != kSizes)) return;
  static Kept<prometheus::Histogram> histograms;
  const auto make = [&]() -> prometheus::Histogram& {
    return prometheus::BuildHistogram()
        .Name(std::string(name))
        .Help(known->help)
        .Register(Counted())
        .Add(labels, BoundariesOf(known->kind));
  };
  histograms.Get(*known, labels, make).Observe(value);
}

std::string MetricsText(const std::vector<Level>& levels) {
  prometheus::Registry now;
  for (const Level& level : levels) {
    const Known* const known = Find(level.name);
    if (known == nullptr) continue;
    prometheus::BuildGauge()
        .Name(level.name)
        .Help(known->help)
        .Register(now)
        .Add(level.labels)
        .Set(level.value);
  }
  std::vector<prometheus::MetricFamily> families = Counted().Collect();
  for (prometheus::MetricFamily& family : now.Collect()) families.push_back(std::move(family));
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace imrelay
