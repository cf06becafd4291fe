#include "web/request_pool.h"

#include <doctest/doctest.h>

#include <atomic>
#include <future>
#include <memory>
#include <stdexcept>
#include <thread>

namespace imrelay {
namespace {

// Work that waits until it is let go.
struct Gate {
  std::promise<void> opened;
  std::shared_future<void> open = opened.get_future().share();
};

TEST_CASE("request pool: takes as much as may wait and no more") {
  Gate gate;
  std::promise<void> begun;
  std::atomic<int> done = 0;
  RequestPool pool(1, 2);
  REQUIRE(pool.Add([&](bool) {
    begun.set_value();
    gate.open.wait();
    ++done;
  }));
  begun.get_future().wait();

  const bool first = pool.Add([&](bool) { ++done; });
  const bool second = pool.Add([&](bool) { ++done; });
  const bool third = pool.Add([&](bool) { ++done; });
  gate.opened.set_value();
  pool.Stop();

  CHECK(first);
  CHECK(second);
  CHECK_FALSE(third);
  CHECK(done == 3);
}

TEST_CASE("request pool: what waits when it stops is told that it is late") {
  Gate gate;
  std::promise<void> begun;
  std::atomic<int> late_ones = 0;
  std::atomic<bool> running_was_late = true;
  RequestPool pool(1, 10'000'000);  // never full: what it refuses, it refuses because it stops
  REQUIRE(pool.Add([&](bool late) {
    begun.set_value();
    gate.open.wait();
    running_was_late = late;
  }));
  begun.get_future().wait();
  REQUIRE(pool.Add([&](bool late) { late_ones += late ? 1 : 0; }));
  REQUIRE(pool.Add([&](bool late) { late_ones += late ? 1 : 0; }));

  std::thread stopping([&] { pool.Stop(); });
  // It takes nothing more once it is stopping.
  while (pool.Add([](bool) {})) std::this_thread::yield();
  gate.opened.set_value();
  stopping.join();

  CHECK_FALSE(running_was_late);
  CHECK(late_ones >= 2);
  pool.Stop();
  CHECK_FALSE(pool.Add([](bool) {}));
}

TEST_CASE("request pool: work that throws ends alone") {
  std::promise<void> done;
  RequestPool pool(1, 8);

  pool.Add([](bool) { throw std::runtime_error("no memory"); });
  pool.Add([&done](bool) { done.set_value(); });

  done.get_future().wait();
}

TEST_CASE("request pool: lets go of what work holds before it takes the next") {
  RequestPool pool(1, 8);
  std::promise<void> gone;
  auto held = std::shared_ptr<int>(new int(1), [&gone](const int* value) {
    delete value;
    gone.set_value();
  });
  pool.Add([held](bool) {});
  held.reset();

  gone.get_future().wait();
}

}  // namespace
}  // namespace imrelay
