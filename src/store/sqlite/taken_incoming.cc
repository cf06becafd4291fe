#include "store/sqlite/taken_incoming.h"

#include "store/sqlite/delivery_rows.h"

namespace imrelay {

Result<std::optional<TakenIncoming>> TakeIncoming(const ChangeContext& context,
                                                  const PlaceKeys& place,
                                                  const std::string& external_message_id) {
  Statement& take = context.database.Prepare(sql::kIncomingTake);
  Result<bool> row = take.Bind(place.line).Bind(external_message_id).Bind(place.chat).Step();
  if (!row) return Fail(std::move(row).error());
  if (!*row) return std::optional<TakenIncoming>();
  const DeliveryId delivery(take.Integer(0));
  const TakenIncoming taken{take.Integer(1), take.OptionalInteger(2)};
  // To the end: the row is gone only then.
  if (Status done = take.Run(); !done) return Fail(std::move(done).error());
  if (Status done = CancelOne(context.database, delivery, "message_deleted", context.now); !done) {
    return Fail(std::move(done).error());
  }
  return std::optional(taken);
}

}  // namespace imrelay
