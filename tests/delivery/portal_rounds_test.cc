#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/delivery/portal_rounds_bench.h"

namespace imrelay {
namespace {

using std::chrono::seconds;
using State = FakeOutbox::State;
using Verdict = Settlement::Verdict;
using Bench = PortalRoundsBench;
using Seen = Bench::Seen;

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
    sizes.push_back(Bench::Said(call.parameters)->Find("MESSAGES")->items().size());
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
    if (call.parameters.find("\"message_id\":37}") == std::string::npos) return Bench::Done();
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
    return Bench::Said(R"({"result":{"SUCCESS":true,"DATA":{"RESULT":[{"SUCCESS":false,)"
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
  bench.answer = [](const Seen&) { return Bench::Said(R"({"result":86509})"); };

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
      if (call.method != "im.message.add") return Bench::Done();
      return FailCall(refusal);
    };

    bench.Settle();

    CHECK(bench.outbox[notice].last->verdict == Verdict::kCancelled);
    CHECK(bench.outbox[notice].last->reason == refusal.word);
    CHECK(bench.outbox[incoming].last->verdict == Verdict::kDone);
  }
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
    return Bench::Done();
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
