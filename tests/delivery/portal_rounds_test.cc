#include "delivery/portal_rounds.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bitrix24/portal_calls.h"
#include "codec/json.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_outbox.h"

namespace imrelay {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using State = FakeOutbox::State;
using Verdict = Settlement::Verdict;

struct Seen {
  std::string member_id;
  std::string method;
  std::string parameters;
};

CallResult Said(const std::string& json) { return *ParseJson(json); }
const CallResult kDone = Said(R"({"result":{"SUCCESS":true,"DATA":[]}})");

// A sender with portals that answer from a function, one thread at work, driven by hand.
class Bench {
 public:
  explicit Bench(int threads = 1)
      : caller(
            [this](const MemberId& member_id, const Call& call) {
              const std::lock_guard lock(mutex);
              seen.push_back({member_id.value(), call.method, call.parameters});
              return answer(seen.back());
            },
            clock),
        errands(caller, threads, bell),
        rounds(outbox, errands, 0, clock) {}

  void Settle() {
    for (int i = 0; i < 1000; ++i) {
      const int turns = outbox.turns();
      const Result<milliseconds> pause = rounds.Round();
      REQUIRE(pause.has_value());
      if (pause->count() == 0 || outbox.turns() != turns) continue;
      if (rounds.IsIdle()) return;
      bell->Wait(seconds(10));
    }
    FAIL("it never ends");
  }

  DeliveryId Confirm(std::int64_t line, std::int64_t message, const std::string& ids = R"(["x"])") {
    Delivery delivery = Of(line, kind::kConfirm);
    delivery.chat_id = ChatId(1807);
    delivery.message_id = MessageId(message);
    delivery.payload = R"({"ids":)" + ids + R"(,"date":1773748800})";
    return outbox.Add(std::move(delivery), Target::kConfirmation);
  }
  DeliveryId Incoming(std::int64_t line, const std::string& chat,
                      std::string_view kind = kind::kIncomingCreated) {
    Delivery delivery = Of(line, kind);
    delivery.external_chat_id = ExternalChatId(chat);
    delivery.payload = R"({"chat":{"id":")" + chat + R"("}})";
    return outbox.Add(std::move(delivery), Target::kPortal);
  }
  DeliveryId Notice(const std::string& outcome) {
    Delivery delivery = Of(1, kind::kOperatorNotice);
    delivery.chat_id = ChatId(1807);
    delivery.payload = R"({"outcome":")" + outcome + R"("})";
    return outbox.Add(std::move(delivery), Target::kPortal);
  }
  // Lines below 100 are of portal1, the others of portals of their own.
  Delivery Of(std::int64_t line, std::string_view kind) const {
    const std::int64_t portal = line < 100 ? 1 : line;
    Delivery delivery;
    delivery.queue = QueueId(line);
    delivery.portal = PortalId(portal);
    delivery.member_id = MemberId("portal" + std::to_string(portal));
    delivery.portal_status = PortalStatus::kActive;
    delivery.connector = ConnectorId("relay");
    delivery.line = LineId(line);
    delivery.external_chat_id = ExternalChatId("chat");
    delivery.kind = kind;
    delivery.created_at = clock.Now();
    return delivery;
  }

  FakeClock clock;
  FakeOutbox outbox;
  std::mutex mutex;
  std::vector<Seen> seen;
  std::function<CallResult(const Seen&)> answer = [](const Seen&) { return kDone; };
  std::shared_ptr<Bell> bell = std::make_shared<Bell>();
  PortalCaller caller;
  ErrandThreads errands;
  PortalRounds rounds;
};

TEST_CASE("portal_rounds: a confirmation names all ids of its message") {
  Bench bench;
  const DeliveryId id = bench.Confirm(107, 86501, R"(["a","b"])");
  const DeliveryId without = bench.Confirm(107, 86503, "[]");

  bench.Settle();

  REQUIRE(bench.seen.size() == 1);
  CHECK(bench.seen[0].member_id == "portal107");
  CHECK(bench.seen[0].method == "imconnector.send.status.delivery");
  CHECK(bench.seen[0].parameters ==
        R"({"CONNECTOR":"relay","LINE":107,"MESSAGES":[)"
        R"({"im":{"chat_id":1807,"message_id":86501},)"
        R"("message":{"id":["a","b"],"date":1773748800},"chat":{"id":"chat"}},)"
        R"({"im":{"chat_id":1807,"message_id":86503},)"
        R"("message":{"date":1773748800},"chat":{"id":"chat"}}]})");
  CHECK(bench.outbox[id].last->verdict == Verdict::kDone);
  CHECK(bench.outbox[without].last->verdict == Verdict::kDone);
}

TEST_CASE("portal_rounds: confirmations go fifty a call, by line, and before everything else") {
  Bench bench;
  for (int i = 0; i < 3; ++i) bench.Incoming(1, "chat" + std::to_string(i));
  for (int i = 0; i < 120; ++i) bench.Confirm(1, i + 1);
  for (int i = 0; i < 10; ++i) bench.Confirm(2, i + 1);

  bench.Settle();

  std::vector<std::size_t> sizes;
  std::vector<std::string> methods;
  for (const Seen& call : bench.seen) {
    methods.push_back(call.method);
    if (call.method != "imconnector.send.status.delivery") continue;
    sizes.push_back(Said(call.parameters)->Find("MESSAGES")->items().size());
  }
  std::sort(sizes.begin(), sizes.end());
  CHECK(sizes == std::vector<std::size_t>{10, 20, 50, 50});
  REQUIRE(methods.size() == 7);
  for (std::size_t i = 4; i < 7; ++i) CHECK(methods[i] == "imconnector.send.messages");
}

TEST_CASE("portal_rounds: in a batch that is refused only the reason of it fails") {
  Bench bench;
  std::vector<DeliveryId> ids;
  for (int i = 0; i < 50; ++i) ids.push_back(bench.Confirm(1, i + 1));
  bench.answer = [](const Seen& call) -> CallResult {
    if (call.parameters.find("\"message_id\":37}") == std::string::npos) return kDone;
    return FailCall({Fault::kPermanent, "error_argument", "refused with error_argument"});
  };

  bench.Settle();

  for (std::size_t i = 0; i < ids.size(); ++i) {
    CHECK(bench.outbox[ids[i]].last->verdict == (i == 36 ? Verdict::kFailed : Verdict::kDone));
  }
  CHECK(bench.seen.size() <= 13);
}

TEST_CASE("portal_rounds: the client's messages go one a call, in the order of their chat") {
  Bench bench(4);
  for (int i = 0; i < 5; ++i) {
    bench.Incoming(1, "a");
    bench.Incoming(1, "b", kind::kIncomingUpdated);
    bench.Incoming(1, "c", kind::kIncomingDeleted);
  }

  bench.Settle();

  REQUIRE(bench.seen.size() == 15);
  CHECK(bench.seen[0].parameters ==
        R"({"CONNECTOR":"relay","LINE":1,"MESSAGES":[{"chat":{"id":"a"}}]})");
  for (int i = 1; i <= 15; ++i) CHECK(bench.outbox[DeliveryId(i)].state == State::kEnded);
}

TEST_CASE("portal_rounds: an item that is refused inside a successful answer has failed") {
  Bench bench;
  const DeliveryId id = bench.Incoming(1, "chat");
  bench.answer = [](const Seen&) {
    return Said(R"({"result":{"SUCCESS":true,"DATA":{"RESULT":[{"SUCCESS":false,)"
                R"("ERRORS":["IMCONNECTOR_NOT_ALL_THE_REQUIRED_DATA"]}]}}})");
  };

  bench.Settle();

  CHECK(bench.outbox[id].last->verdict == Verdict::kFailed);
  CHECK(bench.outbox[id].last->attempt->answer == "imconnector_not_all_the_required_data");
}

TEST_CASE("portal_rounds: the operator reads in the chat what became of the deletion") {
  Bench bench;
  const DeliveryId notice = bench.Notice("too_old");
  bench.Notice("unsupported");
  bench.Notice("failed");
  bench.answer = [](const Seen&) { return Said(R"({"result":86509})"); };

  bench.Settle();

  CHECK(bench.outbox[notice].last->verdict == Verdict::kDone);
  REQUIRE(bench.seen.size() == 3);
  CHECK(bench.seen[0].method == "im.message.add");
  CHECK(bench.seen[0].parameters ==
        R"({"DIALOG_ID":"chat1807","MESSAGE":"The message could not be deleted in the client's )"
        R"(chat: it is too old for the channel.","SYSTEM":"Y"})");
  CHECK(bench.seen[1].parameters.find("does not delete") != std::string::npos);
  CHECK(bench.seen[2].parameters.find("refused it") != std::string::npos);
}

TEST_CASE("portal_rounds: a notice without the right to write is no dead letter") {
  const CallError refusals[] = {{Fault::kForbidden, "insufficient_scope", "", {}, 403},
                                {Fault::kForbidden, "access_denied", "", {}, 403},
                                {Fault::kPermanent, "access_error", "", {}, 400}};
  for (const CallError& refusal : refusals) {
    CAPTURE(refusal.word);
    Bench bench;
    const DeliveryId notice = bench.Notice("failed");
    const DeliveryId incoming = bench.Incoming(1, "chat");
    bench.answer = [&](const Seen& call) -> CallResult {
      if (call.method != "im.message.add") return kDone;
      return FailCall(refusal);
    };

    bench.Settle();

    CHECK(bench.outbox[notice].last->verdict == Verdict::kCancelled);
    CHECK(bench.outbox[notice].last->reason == refusal.word);
    CHECK(bench.outbox[incoming].last->verdict == Verdict::kDone);
  }
}

TEST_CASE("portal_rounds: what each fault makes of a delivery") {
  struct Case {
    Fault fault;
    const char* word;
    int status;
    Verdict verdict;
    const char* reason;
    int attempts;
    bool maybe_done;
    bool unsent = false;
  };
  const Case cases[] = {
      {Fault::kLater, "no_answer", 0, Verdict::kLater, "because", 1, true},
      {Fault::kLater, "internal_server_error", 500, Verdict::kLater, "because", 1, true},
      {Fault::kLater, "query_limit_exceeded", 503, Verdict::kLater, "because", 1, false},
      {Fault::kLater, "overload_limit", 503, Verdict::kLater, "because", 1, false},
      {Fault::kLater, "rate_limited", 0, Verdict::kLater, "", 0, false, true},
      {Fault::kLater, "no_answer", 0, Verdict::kLater, "", 0, false, true},
      {Fault::kLater, "operation_time_limit", 429, Verdict::kLater, "", 0, false},
      {Fault::kRemoved, "application_not_found", 401, Verdict::kCancelled, "portal_uninstalled", 1,
       false},
      {Fault::kForbidden, "uninstalled", 0, Verdict::kCancelled, "portal_uninstalled", 0, false,
       true},
      {Fault::kForbidden, "token_dead", 0, Verdict::kLater, "because", 0, false, true},
      {Fault::kForbidden, "insufficient_scope", 403, Verdict::kLater, "because", 1, false},
      {Fault::kPermanent, "not_active_line", 400, Verdict::kLater, "because", 1, false},
      {Fault::kPermanent, "error_argument", 400, Verdict::kFailed, "because", 1, false},
  };
  for (const Case& one : cases) {
    CAPTURE(one.word);
    Bench bench;
    const DeliveryId id = bench.Incoming(1, "chat");
    bench.answer = [&](const Seen&) -> CallResult {
      CallError error{one.fault, one.word, "because"};
      error.status = one.status;
      error.unsent = one.unsent;
      return FailCall(error);
    };

    bench.Settle();

    const FakeOutbox::Row row = bench.outbox[id];
    CHECK(row.last->verdict == one.verdict);
    CHECK(row.last->reason == one.reason);
    CHECK(row.delivery.attempts == one.attempts);
    CHECK(row.last->maybe_done == one.maybe_done);
  }
}

TEST_CASE("portal_rounds: a portal that fails is left alone for a while, and no other waits") {
  Bench bench;
  for (int i = 0; i < 10; ++i) bench.Incoming(1, "chat" + std::to_string(i));
  for (int i = 0; i < 10; ++i) bench.Incoming(100, "chat" + std::to_string(i));
  bench.answer = [](const Seen& call) -> CallResult {
    if (call.member_id != "portal1") return kDone;
    return FailCall({Fault::kLater, "no_answer", "nobody listens"});
  };

  bench.Settle();

  const auto calls_to = [&](const std::string& member_id) {
    return std::count_if(bench.seen.begin(), bench.seen.end(),
                         [&](const Seen& call) { return call.member_id == member_id; });
  };
  CHECK(calls_to("portal1") == 1);
  CHECK(calls_to("portal100") == 10);

  bench.answer = [](const Seen&) { return kDone; };
  bench.clock.Advance(seconds(2));
  bench.Settle();
  CHECK(calls_to("portal1") == 11);
}

TEST_CASE("portal_rounds: a portal's own word when to come again is kept") {
  Bench bench;
  const DeliveryId id = bench.Confirm(1, 1);
  bench.answer = [&](const Seen&) -> CallResult {
    CallError error{Fault::kLater, "query_limit_exceeded", "refused"};
    error.not_before = bench.clock.Now() + seconds(90);
    error.status = 503;
    return FailCall(error);
  };
  bench.Settle();
  CHECK(bench.outbox[id].due == bench.clock.Now() + seconds(90));

  bench.clock.Advance(seconds(89));
  bench.Settle();
  CHECK(bench.seen.size() == 1);
  bench.answer = [](const Seen&) { return kDone; };
  bench.clock.Advance(seconds(1));
  bench.Settle();

  CHECK(bench.outbox[id].last->verdict == Verdict::kDone);
}

TEST_CASE("portal_rounds: a portal whose tokens are dead is asked seldom, and nothing given up") {
  Bench bench;
  const DeliveryId id = bench.Confirm(1, 1);
  bench.answer = [](const Seen&) -> CallResult {
    CallError error{Fault::kForbidden, "token_dead", "has to be re-opened"};
    error.unsent = true;
    return FailCall(std::move(error));
  };
  for (int i = 0; i < 4 * 60; ++i) {
    bench.Settle();
    bench.clock.Advance(seconds(15));
  }
  CHECK(bench.seen.size() >= 4);
  CHECK(bench.seen.size() <= 20);
  bench.clock.Advance(hours(100));
  bench.Settle();
  CHECK(bench.outbox[id].last->verdict == Verdict::kLater);
  CHECK(bench.outbox[id].last->reason == "has to be re-opened");

  bench.answer = [](const Seen&) { return kDone; };
  bench.clock.Advance(minutes(10));
  bench.Settle();

  CHECK(bench.outbox[id].last->verdict == Verdict::kDone);
}

TEST_CASE(
    "portal_rounds: a line that is off is asked seldom, with no loss to the portal's others") {
  Bench bench;
  std::vector<DeliveryId> off;
  for (int i = 0; i < 120; ++i) off.push_back(bench.Confirm(1, i + 1));
  for (int i = 0; i < 5; ++i) off.push_back(bench.Incoming(1, "chat" + std::to_string(i)));
  const DeliveryId on = bench.Confirm(2, 1);
  bool active = false;
  bench.answer = [&](const Seen& call) -> CallResult {
    if (active || call.parameters.find("\"LINE\":1,") == std::string::npos) return kDone;
    return FailCall({Fault::kPermanent, "not_active_line", "refused"});
  };
  for (int i = 0; i < 60; ++i) {
    bench.Settle();
    bench.clock.Advance(minutes(1));
  }
  CHECK(bench.outbox[on].last->verdict == Verdict::kDone);
  CHECK(bench.seen.size() <= 30);

  active = true;
  bench.clock.Advance(minutes(10));
  bench.Settle();
  bench.clock.Advance(minutes(10));
  bench.Settle();

  for (const DeliveryId id : off) CHECK(bench.outbox[id].last->verdict == Verdict::kDone);
}

TEST_CASE("portal_rounds: nothing is called for a portal that is uninstalled") {
  Bench bench;
  const DeliveryId id = bench.Confirm(1, 1);
  bench.outbox.Change(id,
                      [](auto& row) { row.delivery.portal_status = PortalStatus::kUninstalled; });

  bench.Settle();

  CHECK(bench.seen.empty());
  CHECK(bench.outbox[id].last->verdict == Verdict::kCancelled);
  CHECK(bench.outbox[id].last->reason == "portal_uninstalled");
}

TEST_CASE("portal_rounds: outcomes are kept while the database is away") {
  Bench bench;
  const DeliveryId id = bench.Confirm(1, 1);
  bench.answer = [&](const Seen&) {
    bench.outbox.Fails(true);
    return kDone;
  };
  REQUIRE(bench.rounds.Round().has_value());
  bench.bell->Wait(seconds(10));

  CHECK_FALSE(bench.rounds.Round().has_value());
  bench.outbox.Fails(false);
  bench.Settle();

  CHECK(bench.outbox[id].last->verdict == Verdict::kDone);
  CHECK(bench.seen.size() == 1);
}

}  // namespace
}  // namespace imrelay
