#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "bitrix24/portal_calls.h"
#include "codec/json.h"
#include "delivery/portal_rounds.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_outbox.h"

namespace imrelay {

// A sender with portals that answer from a function, one thread at work, driven by hand.
class PortalRoundsBench {
 public:
  struct Seen {
    std::string member_id;
    std::string method;
    std::string parameters;
  };

  static CallResult Said(const std::string& json) { return *ParseJson(json); }
  static CallResult Done() { return Said(R"({"result":{"SUCCESS":true,"DATA":[]}})"); }

  explicit PortalRoundsBench(int threads = 1)
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
      const Result<std::chrono::milliseconds> pause = rounds.Round();
      REQUIRE(pause.has_value());
      if (pause->count() == 0 || outbox.turns() != turns) continue;
      if (rounds.IsIdle()) return;
      bell->Wait(std::chrono::seconds(10));
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
  std::function<CallResult(const Seen&)> answer = [](const Seen&) { return Done(); };
  std::shared_ptr<Bell> bell = std::make_shared<Bell>();
  PortalCaller caller;
  ErrandThreads errands;
  PortalRounds rounds;
};

}  // namespace imrelay
