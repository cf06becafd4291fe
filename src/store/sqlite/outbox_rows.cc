#include "store/sqlite/outbox_rows.h"

#include <algorithm>
#include <optional>

#include "store/sqlite/delivery_rows.h"
#include "store/sqlite/follower_rows.h"
#include "store/sqlite/installation_rows.h"
#include "store/sqlite/naming_rows.h"

namespace imrelay {
namespace {

// Of one turn, so that nobody waits long while deleted messages are passed by.
constexpr int kMostPassedBy = 1000;

std::int64_t NumberOf(Target target) { return static_cast<std::int64_t>(target); }

TimePoint FromUnixMilliseconds(std::int64_t milliseconds) {
  return TimePoint(std::chrono::milliseconds(milliseconds));
}

std::optional<TimePoint> TimeIn(const Statement& row, int column) {
  if (row.IsNull(column)) return std::nullopt;
  return FromUnixSeconds(row.Integer(column));
}

// A delivery with what decides whether it is sent at all.
struct Taken {
  Delivery delivery;
  bool maybe_done = false;
  std::int64_t line_key = 0;
};

Result<std::optional<Taken>> ReadDelivery(Database& database, DeliveryId id) {
  Statement& read = database.Prepare(sql::kOutboxRead);
  Result<bool> found = read.Bind(id.value()).Step();
  if (!found) return Fail(std::move(found).error());
  if (!*found) return std::optional<Taken>();
  Taken taken;
  Delivery& d = taken.delivery;
  d.id = id;
  d.queue = QueueId(read.Integer(0));
  d.kind = read.Text(1);
  d.created_at = FromUnixSeconds(read.Integer(2));
  d.portal = PortalId(read.Integer(3));
  d.member_id = MemberId(read.Text(4));
  d.portal_status = PortalStatusOf(read.Text(5));
  d.connector = ConnectorId(read.Text(6));
  d.line = LineId(read.Integer(7));
  d.external_chat_id = ExternalChatId(read.Text(8));
  d.chat_id = ChatId(read.Integer(9));
  if (!read.IsNull(10)) d.message_id = MessageId(read.Integer(10));
  if (!read.IsNull(11)) d.external_message_id = ExternalMessageId(read.Text(11));
  d.payload = read.Text(12);
  for (std::string& made : MadeIn(read.Text(13))) d.made.emplace_back(std::move(made));
  d.attempts = static_cast<int>(read.Integer(14));
  d.first_attempt_at = TimeIn(read, 15);
  d.message_created_at = TimeIn(read, 16);
  if (!read.IsNull(17)) d.direction = read.Integer(17) == 0 ? Direction::kOut : Direction::kIn;
  d.message_deleted = read.Integer(18) != 0;
  taken.maybe_done = read.Integer(19) != 0;
  taken.line_key = read.Integer(20);
  d.key = read.Text(21);
  return std::optional(std::move(taken));
}

// Why an edit must not be sent; null when it may.
Result<const char*> ProblemOfEdit(Database& database, const Taken& taken) {
  const Delivery& delivery = taken.delivery;
  if (delivery.message_deleted) return "message_deleted";
  if (delivery.external_message_id || !delivery.message_id) return nullptr;
  Result<bool> never = WasNeverSent(database, taken.line_key, *delivery.message_id);
  if (!never) return Fail(std::move(never).error());
  return *never ? "message_failed" : nullptr;
}

// Cancels what must not be sent, because its message is deleted, or, for an edit, was never sent.
// The release before queues such.
Result<bool> PassBy(Database& database, const Taken& taken, TimePoint now) {
  const Delivery& delivery = taken.delivery;
  if (delivery.kind == kind::kMessageCreated) {
    if (!delivery.message_deleted) return false;
    Sending sending{
        delivery.id.value(), taken.line_key, *delivery.message_id, taken.maybe_done, {}};
    for (const ExternalMessageId& id : delivery.made) sending.made.push_back(id.value());
    Status done = CancelSending({database, delivery.portal, now, {}}, sending);
    if (!done) return Fail(std::move(done).error());
    return true;
  }
  if (delivery.kind != kind::kMessageUpdated) return false;
  Result<const char*> problem = ProblemOfEdit(database, taken);
  if (!problem) return Fail(std::move(problem).error());
  if (*problem == nullptr) return false;
  Statement& end = database.Prepare(sql::kOutboxEnd);
  end.Bind(delivery.id.value()).Bind("cancelled").Bind(*problem);
  end.Bind(UnixSeconds(now)).Bind(std::int64_t{0}).BindNull();
  if (Status done = end.Run(); !done) return Fail(std::move(done).error());
  return true;
}

// Leases one; none when it was passed by.
Result<std::optional<Delivery>> TakeOne(Database& database, Target target, DeliveryId id,
                                        LeaseHolder holder, TimePoint now) {
  Result<std::optional<Taken>> read = ReadDelivery(database, id);
  if (!read) return Fail(std::move(read).error());
  if (!*read) return Fail(ErrorCode::kInternal, "a delivery of no portal");
  Result<bool> passed = PassBy(database, **read, now);
  if (!passed) return Fail(std::move(passed).error());
  if (*passed) return std::optional<Delivery>();
  Statement& lease = database.Prepare(sql::kOutboxLease);
  lease.Bind(id.value()).Bind(holder).Bind(UnixMilliseconds(now + LeaseTimeOf(target)));
  if (Status done = lease.Run(); !done) return Fail(std::move(done).error());
  return std::optional((**std::move(read)).delivery);
}

Result<std::vector<DeliveryId>> FindDue(Database& database, Target target, QueueId queue,
                                        TimePoint now, int most) {
  Statement& find = database.Prepare(sql::kOutboxDue);
  find.Bind(NumberOf(target)).Bind(queue.value()).Bind(UnixMilliseconds(now));
  find.Bind(std::int64_t{most});
  return TakeDeliveryIds(find);
}

Statement& BindEndpoint(Statement& statement, const EndpointState& state) {
  statement.Bind(state.name).Bind(state.fingerprint).Bind(WordOf(state.state));
  statement.Bind(std::int64_t{state.failures}).Bind(UnixSeconds(state.since));
  return statement.Bind(UnixMilliseconds(state.probe_at)).Bind(state.reason);
}

}  // namespace

Result<std::vector<ReadyQueue>> FindReadyRows(Database& database, Target target) {
  Statement& find = database.Prepare(sql::kOutboxReady);
  find.Bind(NumberOf(target));
  std::vector<ReadyQueue> ready;
  while (true) {
    Result<bool> row = find.Step();
    if (!row) return Fail(std::move(row).error());
    if (!*row) return ready;
    ready.push_back({QueueId(find.Integer(0)), PortalId(find.Integer(2)), MemberId(find.Text(3)),
                     ConnectorId(find.Text(4)), LineId(find.Integer(5)),
                     FromUnixMilliseconds(find.Integer(1))});
  }
}

Result<std::vector<EndpointState>> FindEndpointRows(Database& database) {
  Statement& find = database.Prepare(sql::kEndpointsFind);
  std::vector<EndpointState> endpoints;
  while (true) {
    Result<bool> row = find.Step();
    if (!row) return Fail(std::move(row).error());
    if (!*row) return endpoints;
    EndpointState state{find.Text(0),
                        find.Text(1),
                        EndpointState::State::kClosed,
                        static_cast<int>(find.Integer(3)),
                        FromUnixSeconds(find.Integer(4)),
                        FromUnixMilliseconds(find.Integer(5)),
                        find.Text(6)};
    if (find.Text(2) == "open") state.state = EndpointState::State::kOpen;
    if (find.Text(2) == "off") state.state = EndpointState::State::kOff;
    endpoints.push_back(std::move(state));
  }
}

Status SetEndpointRow(Database& database, const EndpointState& state) {
  Statement& set = database.Prepare(sql::kEndpointSet);
  return BindEndpoint(set, state).Run();
}

Result<bool> ReplaceEndpointRow(Database& database, const EndpointState& known,
                                const EndpointState& state) {
  Statement& replace = database.Prepare(sql::kEndpointReplace);
  BindEndpoint(replace, state).Bind(WordOf(known.state)).Bind(UnixSeconds(known.since));
  Status done = replace.Bind(UnixMilliseconds(known.probe_at)).Run();
  if (!done) return Fail(std::move(done).error());
  return database.changes() > 0;
}

Result<bool> FindDueRows(Database& database, Target target, const std::vector<Ask>& asks,
                         TimePoint now) {
  Statement& ran_out = database.Prepare(sql::kOutboxLeaseRanOut);
  Result<bool> any = ran_out.Bind(UnixMilliseconds(now)).Step();
  if (!any || *any) return any;
  for (const Ask& ask : asks) {
    Result<std::vector<DeliveryId>> due = FindDue(database, target, ask.queue, now, 1);
    if (!due) return Fail(std::move(due).error());
    if (!due->empty()) return true;
  }
  return false;
}

Status TakeBackRows(Database& database, TimePoint now) {
  Statement& take_back = database.Prepare(sql::kOutboxTakeBack);
  Status done = take_back.Bind(UnixMilliseconds(now)).Run();
  if (done && database.changes() > 0) database.NoteQueued();
  return done;
}

Result<std::vector<Delivery>> TakeRows(Database& database, Target target,
                                       const std::vector<Ask>& asks, LeaseHolder holder,
                                       TimePoint now) {
  std::vector<Delivery> taken;
  int passed_by = 0;
  for (const Ask& ask : asks) {
    const std::size_t enough = taken.size() + static_cast<std::size_t>(std::max(ask.most, 0));
    while (taken.size() < enough && passed_by < kMostPassedBy) {
      const int most = static_cast<int>(enough - taken.size());
      Result<std::vector<DeliveryId>> due = FindDue(database, target, ask.queue, now, most);
      if (!due) return Fail(std::move(due).error());
      if (due->empty()) break;
      for (const DeliveryId id : *due) {
        Result<std::optional<Delivery>> one = TakeOne(database, target, id, holder, now);
        if (!one) return Fail(std::move(one).error());
        if (*one) {
          taken.push_back(**std::move(one));
        } else {
          ++passed_by;
        }
      }
    }
  }
  return taken;
}

Status ReleaseRows(Database& database, LeaseHolder holder) {
  Statement& release = database.Prepare(sql::kOutboxRelease);
  Status done = release.Bind(holder).Run();
  if (done && database.changes() > 0) database.NoteQueued();
  return done;
}

}  // namespace imrelay
