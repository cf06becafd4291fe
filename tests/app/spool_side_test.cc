#include "app/spool_side.h"

#include <doctest/doctest.h>

#include <functional>
#include <utility>

#include "base/await.h"
#include "tests/fakes/temporary_directory.h"
#include "tests/ingest/ingest_bench.h"

namespace imrelay {
namespace {

TEST_CASE("spool side: who is told that an event is kept may keep another, whatever is taken in") {
  IngestBench bench;
  TemporaryDirectory home;
  Config config;
  config.database_path = bench.path();
  config.spool_directory = home.File("spool");
  Hold hold;
  Request request;
  request.path = "/bitrix24/event";
  request.body = "x";
  SpoolSide side(config, bench.store(), bench.ingest, hold, bench.clock);
  // Somebody is being told at every moment until a pass has let the hold down.
  using Told = std::function<void(Status)>;
  const std::function<void(Told)> keep = [&](Told told) {
    side.Keep(request, [&, told = std::move(told)](Status kept) {
      kept && hold.flag() ? keep(told) : told(std::move(kept));
    });
  };
  // Twice, because the first pass may be over before anything is kept.
  for (int pass = 0; pass < 2; ++pass) {
    hold.Raise();
    CHECK(Await<Status>(keep));
  }
}

}  // namespace
}  // namespace imrelay
