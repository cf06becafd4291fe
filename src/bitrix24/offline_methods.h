#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bitrix24/call.h"
#include "codec/tree.h"

namespace imrelay {

// The queue in which a portal keeps the events that were bound with event_type=offline: for an
// application, and for 34 days. As methods.h: a reader passes an error on as it is. Administrators
// only. Sources: bitrix24/b24restdocs, api-reference/events (2026-08-21); what the vendor's code
// does (rest/lib/api/event.php), which decides where the documentation is silent.

// No portal counts so far. Beyond it, what comes after an id could not be asked for.
inline constexpr std::int64_t kLargestOfflineId = std::int64_t{1} << 53;

// An event of the queue. Its data are the same as are posted, with numbers and booleans of JSON,
// which the tree gives as the form's texts.
struct OfflineEvent {
  std::int64_t id = 0;  // from 1 to kLargestOfflineId
  // When it was written down, unix seconds, the portal's clock. Not when the event was queued for
  // posting, which is its `ts`: events of the same content become one with the time of the last.
  std::int64_t written_at = 0;
  std::string event;  // in capitals
  Tree data;
  std::string message_id;  // a hash of event and data
  std::string process_id;  // who reserved it; empty when nobody did, or in an answer of get
};

// event.offline.list: pages of 50 that begin after `after`; changes nothing, on every plan.
// `until` is the last id, 0: there is none.
// `reserved_only`: only what an earlier get reserved (clear=0), or took and did not come to remove.
inline constexpr std::size_t kOfflinePage = 50;
Call ListOffline(std::int64_t after, std::int64_t until, bool reserved_only);
struct OfflinePage {
  std::vector<OfflineEvent> events;  // by id
  std::int64_t total = 0;            // that fit, this page included
};
CallResultOf<OfflinePage> ReadOfflinePage(const CallResult& answer);

// event.offline.get with clear=1: up to 50 of the unreserved events from `first` to `last` are
// taken out and told. That is at most once: an answer that is lost is lost. So it is only for what
// is on disk already; what it tells besides has to be kept at once.
Call TakeOffline(std::int64_t first, std::int64_t last);
// event.offline.get with clear=0: the first 50 unreserved events are reserved under a process_id of
// their own and told. Needs the feature rest_offline_extended, else wrong_license.
Call ReserveOffline();
struct OfflineBatch {
  std::string process_id;  // of what was reserved
  std::vector<OfflineEvent> events;
};
CallResultOf<OfflineBatch> ReadOfflineBatch(const CallResult& answer);

// event.offline.clear: removes these of a process_id; none that is unreserved. By id and never by
// message_id, which the code prefers whatever the documentation says. On every plan.
Call ClearOffline(const std::string& process_id, const std::vector<std::int64_t>& ids);

}  // namespace imrelay
