#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "bitrix24/portal_calls.h"
#include "bitrix24/rate_limit.h"
#include "delivery/portal_rounds.h"
#include "delivery/portal_sender.h"
#include "delivery/round_thread.h"
#include "install/portal_api.h"
#include "tests/fakes/fake_outbox.h"
#include "tests/install/tokens_bench.h"

namespace imrelay {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using Verdict = Settlement::Verdict;

// Answers from a function; thread-safe.
class HttpPortal final : public HttpClient {
 public:
  Result<HttpResponse> Send(const HttpRequest& request) override {
    const std::lock_guard lock(mutex_);
    urls.push_back(request.url);
    return answer(request);
  }

  std::vector<std::string> urls;
  std::function<Result<HttpResponse>(const HttpRequest&)> answer;

 private:
  std::mutex mutex_;
};

HttpResponse Said(int status, std::string body) { return {status, {}, std::move(body)}; }

// The sender's rounds over the real tokens, rate limit and calls of one portal, on a clock that is
// driven by hand.
struct Bench : TokensBench {
  explicit Bench(CallRate rate) : rate_limit(path() + "-calls", rate, clock) {
    Restart();
    InstallPortal();
    api.emplace(*tokens, calls, rate_limit, portals, clock);
    caller.emplace([this](const MemberId& member_id,
                          const Call& call) { return api->Send(member_id, call, {}); },
                   clock);
    errands.emplace(*caller, 1, bell);
    rounds.emplace(outbox, *errands, 0, clock);
  }

  DeliveryId Add(Target target, std::string_view kind, const std::string& chat) {
    Delivery delivery;
    delivery.queue = QueueId(1);
    delivery.portal = Row().id;
    delivery.member_id = MemberId("m1");
    delivery.portal_status = PortalStatus::kActive;
    delivery.connector = ConnectorId("relay");
    delivery.line = LineId(107);
    delivery.external_chat_id = ExternalChatId(chat);
    delivery.chat_id = ChatId(1);
    delivery.message_id = MessageId(1);
    delivery.kind = kind;
    delivery.payload = R"({"ids":["x"]})";
    delivery.created_at = clock.Now();
    return outbox.Add(std::move(delivery), target);
  }
  void RunFor(milliseconds time) {
    constexpr milliseconds kStep{100};
    for (milliseconds passed{0}; passed < time; passed += kStep) {
      Settle();
      clock.Advance(kStep);
    }
  }
  void Settle() {
    for (int i = 0; i < 1000; ++i) {
      const int turns = outbox.turns();
      const Result<milliseconds> pause = rounds->Round();
      REQUIRE(pause.has_value());
      if (pause->count() == 0 || outbox.turns() != turns) continue;
      if (rounds->IsIdle()) return;
      bell->Wait(seconds(10));
    }
    FAIL("it never ends");
  }
  std::size_t CallsOf(const std::string& method) const {
    return static_cast<std::size_t>(
        std::count_if(portal.urls.begin(), portal.urls.end(),
                      [&](const std::string& url) { return url.ends_with(method); }));
  }

  FakeOutbox outbox;
  HttpPortal portal;
  PortalCalls calls{portal, clock};
  RateLimit rate_limit;
  std::optional<PortalApi> api;
  std::shared_ptr<Bell> bell = std::make_shared<Bell>();
  std::optional<PortalCaller> caller;
  std::optional<ErrandThreads> errands;
  std::optional<PortalRounds> rounds;
};

TEST_CASE("portal_pace: confirmations that are refused come to their end at two calls a second") {
  Bench bench({2, 1});
  std::vector<DeliveryId> confirmations;
  std::vector<DeliveryId> incoming;
  for (int i = 0; i < 120; ++i) {
    confirmations.push_back(bench.Add(Target::kConfirmation, kind::kConfirm, "chat"));
  }
  for (int i = 0; i < 5; ++i) {
    incoming.push_back(
        bench.Add(Target::kPortal, kind::kIncomingCreated, "chat" + std::to_string(i)));
  }
  bench.portal.answer = [](const HttpRequest& request) -> Result<HttpResponse> {
    if (request.url.ends_with("send.status.delivery")) {
      return Said(400, R"({"error":"ERROR_ARGUMENT"})");
    }
    return Said(200, R"({"result":{"SUCCESS":true,"DATA":[]}})");
  };

  bench.RunFor(seconds(20));
  for (const DeliveryId id : incoming) {
    REQUIRE(bench.outbox[id].last.has_value());
    CHECK(bench.outbox[id].last->verdict == Verdict::kDone);
  }
  bench.RunFor(minutes(2));

  for (const DeliveryId id : confirmations) {
    REQUIRE(bench.outbox[id].last.has_value());
    CHECK(bench.outbox[id].last->verdict == Verdict::kFailed);
  }
  CHECK(bench.CallsOf("send.status.delivery") <= 130);
}

TEST_CASE("portal_pace: a rate that is used up does not close the portal for longer and longer") {
  Bench bench({2, 1});
  for (int i = 0; i < 100; ++i) {
    bench.Add(Target::kPortal, kind::kIncomingCreated, "chat" + std::to_string(i));
  }
  bench.portal.answer = [](const HttpRequest&) -> Result<HttpResponse> {
    return Said(200, R"({"result":{"SUCCESS":true,"DATA":[]}})");
  };

  bench.RunFor(seconds(70));

  CHECK(bench.portal.urls.size() == 100);
}

TEST_CASE("portal_pace: a portal that is away is asked less and less often") {
  Bench bench({50, 50});
  const DeliveryId id = bench.Add(Target::kPortal, kind::kIncomingCreated, "chat");
  for (int i = 0; i < 20; ++i) {
    bench.Add(Target::kPortal, kind::kIncomingCreated, "chat" + std::to_string(i));
  }
  bench.portal.answer = [](const HttpRequest&) -> Result<HttpResponse> {
    return Fail(ErrorCode::kUnavailable, "nobody listens");
  };

  bench.RunFor(minutes(20));

  // 1 s, 2 s … 256 s, 5 min.
  CHECK(bench.portal.urls.size() >= 8);
  CHECK(bench.portal.urls.size() <= 16);
  bench.portal.answer = [](const HttpRequest&) -> Result<HttpResponse> {
    return Said(200, R"({"result":{"SUCCESS":true,"DATA":[]}})");
  };
  bench.RunFor(minutes(65));  // a delivery's own pause is an hour at most
  CHECK(bench.outbox[id].last->verdict == Verdict::kDone);
}

TEST_CASE("portal_pace: what a call brings that outlasts the sender's end is recorded") {
  Bench bench({50, 50});
  const DeliveryId id = bench.Add(Target::kPortal, kind::kIncomingCreated, "chat");
  std::promise<void> called;
  bench.portal.answer = [&](const HttpRequest&) -> Result<HttpResponse> {
    called.set_value();
    std::this_thread::sleep_for(RoundThread::kLongestStop + milliseconds(500));
    return Said(200, R"({"result":{"SUCCESS":true,"DATA":[]}})");
  };
  {
    const PortalSender sender(bench.outbox, *bench.api, 0, bench.clock);
    called.get_future().wait();
  }

  CHECK(bench.outbox[id].last->verdict == Verdict::kDone);
}

}  // namespace
}  // namespace imrelay
