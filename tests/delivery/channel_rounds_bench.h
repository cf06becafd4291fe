#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "delivery/channel_rounds.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_outbox.h"
#include "tests/fakes/scripted_channel.h"

namespace imrelay {

// A sender of channels "a", "b" … that serve the lines 1, 2 …, driven by hand.
class ChannelRoundsBench {
 public:
  explicit ChannelRoundsBench(int channels = 1, SenderLimits limits = {},
                              DeletionPolicy policy = {}) {
    std::vector<ChannelEntry> entries;
    for (int i = 0; i < channels; ++i) {
      ChannelEntry entry;
      entry.name = std::string(1, static_cast<char>('a' + i));
      auto scripted = std::make_unique<ScriptedChannel>();
      channel.push_back(scripted.get());
      entry.channel = std::move(scripted);
      entry.line = LineId(i + 1);
      entry.policy = policy;
      entries.push_back(std::move(entry));
    }
    directory = std::make_unique<ChannelDirectory>(std::move(entries));
    rounds = std::make_unique<ChannelRounds>(outbox, *directory, 0, clock, limits,
                                             std::make_shared<Bell>());
  }

  // Rounds until nothing is to be done now. Returns the pause that the last one named.
  std::chrono::milliseconds Settle() {
    for (int i = 0; i < 1000; ++i) {
      const int turns = outbox.turns();
      const Result<std::chrono::milliseconds> pause = rounds->Round();
      REQUIRE(pause.has_value());
      if (pause->count() > 0 && outbox.turns() == turns) return *pause;
    }
    FAIL("it never ends");
    return {};
  }

  DeliveryId Add(std::int64_t line, const std::string& chat,
                 std::string_view kind = kind::kMessageCreated) {
    return outbox.Add(line, chat, kind);
  }

  FakeClock clock;
  FakeOutbox outbox;
  std::vector<ScriptedChannel*> channel;
  std::unique_ptr<ChannelDirectory> directory;
  std::unique_ptr<ChannelRounds> rounds;
};

}  // namespace imrelay
