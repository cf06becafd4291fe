#include "app/retention.h"

#include <doctest/doctest.h>

#include "tests/store/store_bench.h"

namespace imrelay {
namespace {

struct Filled : StoreBench {
  Filled() {
    Install("m1");
    for (int i = 1; i <= 5; ++i) REQUIRE(Do("m1", Created(i)) == "accepted");
    clock.Advance(std::chrono::days(91));
  }
  // What is left when it has been asked often enough.
  std::string EventsAfter(Retention& retention) {
    for (int i = 0; i < 10; ++i) REQUIRE(retention.DoOne().has_value());
    return Show("SELECT count(*) FROM events");
  }
};

TEST_CASE("retention: walks through both tables, and begins anew only after a while") {
  Filled bench;
  Retention retention(bench.sqlite(), bench.clock, std::chrono::days(90));

  CHECK(bench.EventsAfter(retention) == "2");  // the installation's, and the last one

  REQUIRE(bench.Do("m1", Created(6)) == "accepted");
  bench.clock.Advance(std::chrono::days(91));
  CHECK(bench.EventsAfter(retention) == "3");
  Retention next(bench.sqlite(), bench.clock, std::chrono::days(90));
  CHECK(bench.EventsAfter(next) == "2");
}

TEST_CASE("retention: of no days keeps everything, and erases what a portal left all the same") {
  Filled bench;
  Retention retention(bench.sqlite(), bench.clock, std::chrono::days(0));

  CHECK(bench.EventsAfter(retention) == "6");

  REQUIRE(bench.Do("m1", PortalUninstalled{true}) == "accepted");
  CHECK(bench.EventsAfter(retention) == "7");
  CHECK(bench.Show("SELECT count(*) FROM messages") == "0");
  CHECK(bench.Show("SELECT count(*) FROM erasure") == "0");
}

}  // namespace
}  // namespace imrelay
