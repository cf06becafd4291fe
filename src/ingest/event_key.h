#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "domain/event.h"
#include "store/plan.h"

namespace imrelay {

// What tells events apart. `data` is CanonicalData of the event.

// An edit A, B, A is three events, because `ts` differs; the same post twice is one. `ts` and the
// end of the message's number stand first, so that the keys of one moment lie together: random
// ones would touch a page of the index for every event.
EventKey KeyOf(const Event& event, std::string_view data);

// The key of something unproven is salted with what it claims, so that a forged event can never
// stand in the place of the real one.
EventKey SaltedKey(const EventKey& key, std::string_view salt, std::string_view more = {},
                   std::string_view application = {});

// Of portal, name and data, whatever the time.
EventKey ContentKeyOf(const Event& event, std::string_view data);

// The keys that an event of the offline queue would have, had it been posted in the seconds around
// its `ts`, the nearest first and earlier before later: a portal queues an event for posting before
// it writes it down.
std::vector<EventKey> PostedKeysOf(Event event, std::string_view data);

}  // namespace imrelay
