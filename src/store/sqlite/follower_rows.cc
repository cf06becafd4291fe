#include "store/sqlite/follower_rows.h"

#include <string_view>
#include <vector>

#include "store/sqlite/delivery_rows.h"

namespace imrelay {
namespace {

Status Cancel(const ChangeContext& context, const Result<std::vector<DeliveryId>>& ids,
              const char* reason) {
  if (!ids) return Fail(ids.error());
  for (const DeliveryId id : *ids) {
    Statement& end = context.database.Prepare(sql::kOutboxEnd);
    end.Bind(id.value()).Bind("cancelled").Bind(reason);
    end.Bind(UnixSeconds(context.now)).Bind(std::int64_t{0}).BindNull();
    if (Status done = end.Run(); !done) return done;
  }
  return {};
}

Result<std::vector<DeliveryId>> FindAfter(const ChangeContext& context,
                                          const IncomingCreation& creation, std::string_view kind) {
  Statement& find = context.database.Prepare(sql::kIncomingOpenAfter);
  return TakeDeliveryIds(find.Bind(creation.id.value()).Bind(kind));
}

}  // namespace

Status EndIncomingFollowers(const ChangeContext& context, const IncomingCreation& creation,
                            const char* reason) {
  Status done = Cancel(context, FindAfter(context, creation, kind::kIncomingUpdated), reason);
  if (!done || creation.maybe_done) return done;
  Result<std::vector<DeliveryId>> deletions = FindAfter(context, creation, kind::kIncomingDeleted);
  done = Cancel(context, deletions, "never_sent");
  if (!done || deletions->empty()) return done;
  Statement& outcome = context.database.Prepare(sql::kIncomingSetOutcome);
  return outcome.Bind(creation.external_id).Bind(creation.chat_key).Bind("cancelled").Run();
}

Status EndEdits(const ChangeContext& context, std::int64_t line_key, MessageId message,
                const char* reason) {
  Statement& find = context.database.Prepare(sql::kDeliveriesOfMessageOpen);
  find.Bind(line_key).Bind(message.value()).Bind(kind::kMessageUpdated);
  return Cancel(context, TakeDeliveryIds(find), reason);
}

Result<bool> WasNeverSent(Database& database, std::int64_t line_key, MessageId message) {
  Statement& find = database.Prepare(sql::kMessageCreatedFind);
  Result<bool> row = find.Bind(message.value()).Bind(line_key).Step();
  if (!row || !*row) return row;
  const std::string state = find.Text(1);
  const bool ended = state == "failed" || state == "cancelled";
  return ended && find.Integer(2) == 0 && find.IsNull(3);
}

}  // namespace imrelay
