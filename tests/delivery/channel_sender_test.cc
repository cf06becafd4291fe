#include "delivery/channel_sender.h"

#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <thread>

#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_outbox.h"

namespace imrelay {
namespace {

// Answers from a thread of its own, as channels do.
class ThreadedChannel final : public Channel {
 public:
  ~ThreadedChannel() override {
    for (std::thread& thread : threads_) thread.join();
  }
  void Send(const Delivery&, Answered answered) override {
    threads_.emplace_back([answered = std::move(answered)] { answered({}); });
  }
  void SendRemovalAsEdit(const Delivery& delivery, Answered answered) override {
    Send(delivery, std::move(answered));
  }

 private:
  std::vector<std::thread> threads_;
};

TEST_CASE("channel_sender: sends what is there and what it is woken for, and stops") {
  std::vector<ChannelEntry> entries(1);
  entries[0].channel = std::make_unique<ThreadedChannel>();
  const ChannelDirectory directory(std::move(entries));
  const SystemClock clock;
  FakeOutbox outbox;
  for (int i = 0; i < 50; ++i) outbox.Add(1, "chat" + std::to_string(i % 7), kind::kMessageCreated);
  auto sender = std::make_unique<ChannelSender>(outbox, directory, 0, clock);
  const auto ended = [&outbox](DeliveryId id) {
    for (int i = 0; i < 1000; ++i) {
      if (outbox[id].state == FakeOutbox::State::kEnded) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  };
  for (int i = 1; i <= 50; ++i) CHECK(ended(DeliveryId(i)));

  const DeliveryId late = outbox.Add(1, "chat", kind::kMessageCreated);
  sender->Wake();

  CHECK(ended(late));
  sender.reset();
}

}  // namespace
}  // namespace imrelay
