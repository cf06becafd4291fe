#include "store/sqlite/taken_incoming.h"

#include "store/sqlite/delivery_rows.h"

namespace imrelay {

Result<TakenIncoming> TakeIncoming(const ChangeContext& context, const PlaceKeys& place,
                                   const std::string& external_message_id) {
  TakenIncoming taken;
  Statement& find = context.database.Prepare(sql::kIncomingFind);
  Result<bool> row = find.Bind(place.chat).Bind(external_message_id).Step();
  if (!row) return Fail(std::move(row).error());
  if (!*row) return taken;
  taken.what = find.Integer(3) != 0 ? TakenIncoming::What::kDeleted : TakenIncoming::What::kTaken;
  taken.created_at = find.Integer(1);
  taken.updated_at = find.OptionalInteger(2);
  if (taken.what == TakenIncoming::What::kDeleted) return taken;
  const std::int64_t chat = find.Integer(0);
  const DeliveryId delivery(find.Integer(4));
  Statement& remove = context.database.Prepare(sql::kIncomingRemove);
  Status done = remove.Bind(external_message_id).Bind(chat).Run();
  if (done) done = CancelOne(context.database, delivery, "message_deleted", context.now);
  if (!done) return Fail(std::move(done).error());
  return taken;
}

}  // namespace imrelay
