#pragma once

#include "admin/reports.h"
#include "recovery/replay.h"
#include "store/channel_store.h"

namespace imrelay {

// `delivery show`: one delivery, whole, and every attempt to send it.
Result<Output> ShowDelivery(Store& store, ReportQuery query, OutputFormat format);

// `delivery retry` and `cancel`, which need a delivery, and `retry --failed`, which takes filters.
// Errors: those of the store; kNotFound and kConflict say what is in the way.
Result<Output> RetryDelivery(ChannelStore& store, DeliveryId id, TimePoint now,
                             OutputFormat format);
Result<Output> RetryFailed(ChannelStore& store, const ReportQuery& which, TimePoint now,
                           OutputFormat format);
Result<Output> CancelDelivery(ChannelStore& store, DeliveryId id, TimePoint now,
                              OutputFormat format);

// `event replay`: what it did, or why nothing changed.
Output ShowReplayed(EventId id, const Replayed& replayed, OutputFormat format);

// `stats`: what was received by portal, line and day, and how it ended, with the totals. Not found
// where what was received is not the sum of its ends, or there is no such portal.
Result<Output> ShowAccounts(Store& store, ReportQuery query, OutputFormat format);

}  // namespace imrelay
