#include "store/sqlite/channel_rows.h"
#include "store/sqlite/delivery_rows.h"
#include "store/sqlite/incoming_rows.h"
#include "store/sqlite/sqlite_store_calls.h"

namespace imrelay {
namespace {

// Others write too: a day's dead letters are revived a few at a time.
constexpr int kRetriesAtATime = 100;

}  // namespace

Result<Queued> SqliteStore::QueueIncoming(const ChannelRequest& request,
                                          const IncomingMessage& message) {
  return Write<Queued>(
      [&](Database& database) { return QueueIncomingRows(database, request, message); });
}

Result<Queued> SqliteStore::NameMessage(const ChannelRequest& request, const MemberId& member_id,
                                        const ConnectorId& connector, LineId line,
                                        MessageId message,
                                        const std::vector<ExternalMessageId>& ids) {
  return Write<Queued>([&](Database& database) {
    return NameMessageByChannel(database, request, {member_id, connector, line, message, ids});
  });
}

Status SqliteStore::RetryDelivery(DeliveryId id, TimePoint now) {
  return writer_.Run([&](Database& database) { return RetryRow(database, id, now); });
}

Result<int> SqliteStore::RetryFailed(const ReportQuery& which, TimePoint now) {
  int retried = 0;
  DeliveryId last;
  while (true) {
    Result<std::vector<DeliveryId>> failed = ReadSnapshot<std::vector<DeliveryId>>(
        [&](Database& database) { return FindFailed(database, which, last, kRetriesAtATime); });
    if (!failed) return Fail(std::move(failed).error());
    if (failed->empty()) return retried;
    last = failed->back();
    Result<int> some = Write<int>([&](Database& database) -> Result<int> {
      int done = 0;
      for (const DeliveryId id : *failed) {
        const Status retry = RetryRow(database, id, now);
        if (retry) {
          ++done;
        } else if (retry.error().code != ErrorCode::kConflict &&
                   retry.error().code != ErrorCode::kNotFound) {
          return Fail(retry.error());
        }
      }
      return done;
    });
    if (!some) return Fail(std::move(some).error());
    retried += *some;
  }
}

Status SqliteStore::CancelDelivery(DeliveryId id, TimePoint now) {
  return writer_.Run([&](Database& database) { return CancelRow(database, id, now); });
}

Result<OutboxLevels> SqliteStore::FindLevels() { return ReadSnapshot<OutboxLevels>(FindLevelRows); }

}  // namespace imrelay
