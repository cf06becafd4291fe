#include "delivery/turns.h"

#include <doctest/doctest.h>

#include <map>

namespace imrelay {
namespace {

std::vector<QueueId> Queues(int count) {
  std::vector<QueueId> queues;
  for (int i = 1; i <= count; ++i) queues.emplace_back(i);
  return queues;
}

int Sum(const std::vector<Ask>& asks) {
  int sum = 0;
  for (const Ask& ask : asks) sum += ask.most;
  return sum;
}

TEST_CASE("turns: places are shared evenly") {
  Turns turns;

  const std::vector<Ask> asks = turns.Share(Queues(3), 32);

  REQUIRE(asks.size() == 3);
  CHECK(Sum(asks) == 32);
  for (const Ask& ask : asks) CHECK(ask.most >= 10);
}

TEST_CASE("turns: with fewer places than queues, every queue gets its turn as often") {
  Turns turns;
  std::map<QueueId, int> served;

  for (int round = 0; round < 5 * 7; ++round) {
    const std::vector<Ask> asks = turns.Share(Queues(7), 5);
    REQUIRE(asks.size() == 5);
    for (const Ask& ask : asks) served[ask.queue] += ask.most;
  }

  REQUIRE(served.size() == 7);
  for (const auto& [queue, times] : served) CHECK(times == 25);
}

TEST_CASE("turns: a queue that came meanwhile and one that went leave the others their turn") {
  Turns turns;
  CHECK(turns.Share({QueueId(2), QueueId(4)}, 1).front().queue == QueueId(2));

  CHECK(turns.Share({QueueId(1), QueueId(3), QueueId(4)}, 1).front().queue == QueueId(3));
  CHECK(turns.Share({QueueId(1), QueueId(3)}, 1).front().queue == QueueId(1));
}

TEST_CASE("turns: nothing to share") {
  Turns turns;
  CHECK(turns.Share({}, 5).empty());
  CHECK(turns.Share(Queues(2), 0).empty());
  CHECK(turns.Share(Queues(2), -3).empty());
}

}  // namespace
}  // namespace imrelay
