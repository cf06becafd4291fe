#include <doctest/doctest.h>

#include <random>

#include "store/sqlite/naming_rows.h"
#include "tests/store/outbox_bench.h"

// Whatever happens in whatever order, some things hold of the outbox after every step.

namespace imrelay {
namespace {

// Each is a query that has no rows while all is well.
struct Rule {
  const char* says;
  const char* broken;
};
constexpr Rule kRules[] = {
    {"an open lane has one head, and only that is leased",
     "SELECT target, lane FROM delivery WHERE (state = 'pending' OR state = 'leased') "
     "AND lane IS NOT NULL GROUP BY 1, 2 HAVING sum(head) <> 1 "
     "OR sum(state = 'leased' AND head = 0) > 0"},
    {"the head is the oldest of its lane",
     "SELECT d.delivery_id FROM delivery AS d JOIN delivery AS older ON older.target = d.target "
     "AND older.lane = d.lane AND older.delivery_id < d.delivery_id "
     "WHERE d.head = 1 AND (older.state = 'pending' OR older.state = 'leased')"},
    {"what has ended is no head and no one's",
     "SELECT delivery_id FROM delivery WHERE state NOT IN ('pending', 'leased') "
     "AND (head = 1 OR leased_by IS NOT NULL)"},
    {"a deletion that is pending has a delivery that is open",
     "SELECT message_id FROM message AS m WHERE outcome = 'pending' AND NOT EXISTS ("
     "SELECT 1 FROM delivery AS d WHERE d.message_id = m.message_id AND d.line_key = m.line_key "
     "AND d.kind = 'message.deleted' AND d.external_message_id IS m.external_message_id "
     "AND (d.state = 'pending' OR d.state = 'leased'))"},
    {"an open deletion is of a row that says so",
     "SELECT delivery_id FROM delivery AS d WHERE kind = 'message.deleted' AND "
     "(state = 'pending' OR state = 'leased') AND NOT EXISTS (SELECT 1 FROM message AS m "
     "WHERE m.message_id = d.message_id AND m.line_key = d.line_key AND m.outcome = 'pending' "
     "AND m.external_message_id IS d.external_message_id)"},
    {"the tally of deletions is that of the rows",
     "SELECT * FROM (SELECT coalesce((SELECT sum(received) FROM tally WHERE what = 'deletion'), 0) "
     "AS n) WHERE n <> (SELECT count(deleted_at) FROM message)"},
    {"the tally of messages is that of the deliveries",
     "SELECT * FROM (SELECT coalesce((SELECT sum(received) FROM tally WHERE what = 'message'), 0) "
     "AS n) WHERE n <> (SELECT count(*) FROM delivery WHERE kind = 'message.created')"},
    {"each attempt has its row",
     "SELECT delivery_id FROM delivery AS d WHERE attempts <> "
     "(SELECT count(*) FROM attempt AS a WHERE a.delivery_id = d.delivery_id)"},
    {"one confirmation of a message",
     "SELECT message_id FROM delivery WHERE kind = 'confirm' GROUP BY 1 HAVING count(*) > 1"},
};

class Chance {
 public:
  explicit Chance(unsigned seed) : engine_(seed) {}

  int Below(int bound) { return std::uniform_int_distribution<int>(0, bound - 1)(engine_); }
  void Step();
  // Lets everything come to an end.
  void Drain();
  void CheckRules();

  OutboxBench bench;

 private:
  std::int64_t AnyMessage() { return 1 + Below(6); }
  static Place PlaceOfMessage(std::int64_t message) {
    return PlaceOf("conn", 7, message % 2 == 0 ? "even" : "odd");
  }
  std::vector<std::string> AnyIds(std::int64_t message);
  void Take();
  void SettleOne();
  void Name();

  std::mt19937 engine_;
  std::vector<Delivery> taken_;
};

std::vector<std::string> Chance::AnyIds(std::int64_t message) {
  std::vector<std::string> ids;
  for (int i = Below(3); i > 0; --i) {
    ids.push_back(std::to_string(message) + "-" + std::to_string(Below(3)));
  }
  return ids;
}

void Chance::Take() {
  for (Delivery& delivery : bench.Take(Target::kChannel, 1 + Below(2))) {
    // The tombstone wins: nothing of a deleted message is sent but its deletion.
    if (delivery.kind == kind::kMessageCreated || delivery.kind == kind::kMessageUpdated) {
      CHECK_FALSE(delivery.message_deleted);
    }
    if (delivery.kind == kind::kMessageCreated) {
      CHECK(bench.Show("SELECT count(deleted_at) FROM message WHERE message_id = " +
                       std::to_string(delivery.message_id->value())) == "0");
    }
    taken_.push_back(std::move(delivery));
  }
}

void Chance::SettleOne() {
  if (taken_.empty()) return;
  const auto which = static_cast<std::size_t>(Below(static_cast<int>(taken_.size())));
  using Verdict = Settlement::Verdict;
  constexpr Verdict kVerdicts[] = {Verdict::kDone,   Verdict::kDone,      Verdict::kDone,
                                   Verdict::kGone,   Verdict::kTooOld,    Verdict::kUnsupported,
                                   Verdict::kFailed, Verdict::kCancelled, Verdict::kLater,
                                   Verdict::kLater};
  const Delivery& delivery = taken_[which];
  const bool sending = delivery.kind == kind::kMessageCreated;
  Verdict verdict = kVerdicts[Below(10)];
  if (sending && (verdict == Verdict::kGone || verdict == Verdict::kTooOld ||
                  verdict == Verdict::kUnsupported)) {
    verdict = Verdict::kDone;
  }
  Settlement settled = bench.After(delivery, verdict);
  settled.due = bench.clock.Now() + std::chrono::seconds(Below(3));
  settled.maybe_done = Below(2) == 0;
  settled.ids_follow = Below(4) == 0;
  settled.tell_operator = Below(2) == 0;
  if (sending) {
    for (const std::string& id : AnyIds(delivery.message_id->value())) {
      settled.external_ids.emplace_back(id);
    }
  }
  bench.Settle(settled);
  // Sometimes it is told twice, or much later by somebody whose lease ran out.
  if (Below(4) != 0) taken_.erase(taken_.begin() + static_cast<std::ptrdiff_t>(which));
}

void Chance::Name() {
  const std::int64_t message = AnyMessage();
  if (bench.Show("SELECT 1 FROM delivery WHERE kind = 'message.created' AND state = 'done' AND "
                 "message_id = " +
                 std::to_string(message)) != "1") {
    return;
  }
  Result<Database> database = Database::Open(bench.path(), Database::Access::kReadWrite);
  REQUIRE(database.has_value());
  const Result<std::int64_t> line = database->Value("SELECT line_key FROM line");
  std::vector<ExternalMessageId> ids;
  for (const std::string& id : AnyIds(message)) ids.emplace_back(id);
  const ChangeContext context{*database, PortalId(1), bench.clock.Now(), {}};
  REQUIRE(database->Execute("BEGIN IMMEDIATE").has_value());
  REQUIRE(NameMessageRows(context, *line, MessageId(message), ids).has_value());
  database->ResetStatements();
  REQUIRE(database->Execute("COMMIT").has_value());
}

void Chance::Step() {
  const std::int64_t message = AnyMessage();
  switch (Below(12)) {
    case 0:
    case 1:
    case 2:
      bench.Do("m1", Created(message, PlaceOfMessage(message)));
      break;
    case 3:
      bench.Do("m1", Updated(message, AnyIds(message), PlaceOfMessage(message)));
      break;
    case 4:
      bench.Do("m1", Deleted(message, AnyIds(message), PlaceOfMessage(message)));
      break;
    case 5:
      bench.clock.Advance(std::chrono::seconds(1 + Below(70)));
      break;
    case 6:
      Name();
      break;
    case 7:
    case 8:
      Take();
      break;
    default:
      SettleOne();
  }
}

void Chance::Drain() {
  for (int i = 0; i < 200; ++i) {
    bench.clock.Advance(kIdsWait);
    for (const Delivery& delivery : bench.Take()) bench.Done(delivery);
  }
}

void Chance::CheckRules() {
  for (const Rule& rule : kRules) {
    CAPTURE(std::string(rule.says));
    CHECK(bench.Show(rule.broken) == "");
  }
}

TEST_CASE("outbox: any interleaving keeps order, tombstones and counts") {
  for (unsigned seed = 1; seed <= 12; ++seed) {
    CAPTURE(seed);
    Chance chance(seed);
    for (int step = 0; step < 150; ++step) {
      CAPTURE(step);
      chance.Step();
      chance.CheckRules();
    }

    chance.Drain();

    chance.CheckRules();
    CHECK(chance.bench.Show("SELECT count(*) FROM delivery WHERE target = 0 AND "
                            "(state = 'pending' OR state = 'leased')") == "0");
    CHECK(chance.bench.Show("SELECT count(*) FROM message WHERE outcome = 'pending'") == "0");
  }
}

}  // namespace
}  // namespace imrelay
