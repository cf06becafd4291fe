// Events that something else in the spool proves.

#include <doctest/doctest.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "spool/spool_file.h"
#include "tests/recovery/intake_bench.h"

namespace imrelay {
namespace {

constexpr int kLives = 1;  // the first process of every system

TEST_CASE("intake: an installation in the spool proves what comes behind it") {
  IntakeBench bench;
  const Posted install = InstallationOf("m2");
  const Posted update = UpdateOf("m2");
  bench.hold->Raise();
  CHECK(bench.Post(update) == "unknown_portal");  // nothing that waits could prove it
  CHECK(bench.Post(install) == "spooled");
  CHECK(bench.Post(update) == "spooled");
  Posted forged = Update(2);
  forged.token = "forged";
  CHECK(bench.Post(forged) == "wrong_token");

  CHECK(bench.TakeIn() == "");

  CHECK(bench.EventsOf("m2") == "ONAPPINSTALL waiting, ONIMCONNECTORMESSAGEUPDATE waiting");
}

TEST_CASE("intake: an installation that the spooler is still writing proves what comes") {
  IntakeBench bench;
  CHECK(bench.TakeIn() == "");
  const Posted update = UpdateOf("m2");
  CHECK(bench.Post(update) == "unknown_portal");
  bench.hold->Raise();  // as when the database is away, and the passes are rare
  std::unique_ptr<SpoolWriter> spooler = bench.OpenSpooler();
  Append(*spooler, InstallationOf("m2"));
  CHECK(bench.Post(update) == "spooled");
  spooler.reset();
  CHECK(bench.TakeIn() == "");
  CHECK(bench.EventsOf("m2") == "ONAPPINSTALL waiting, ONIMCONNECTORMESSAGEUPDATE waiting");
}

TEST_CASE("intake: what another file may prove is kept until that is taken in") {
  IntakeBench bench;
  bench.hold->RaiseForOthers();
  CHECK(bench.Post(Update(1)) == "spooled");
  bench.received_at = SystemClock().Now();
  usleep(2000);  // so that the spooler's file is the younger one
  std::unique_ptr<SpoolWriter> spooler = bench.OpenSpooler();
  Append(*spooler, InstallationOf("m2"));
  CHECK(bench.Post(UpdateOf("m2")) == "spooled");
  CHECK(bench.TakeIn() == "");
  CHECK(bench.Texts() == "t1");
  CHECK(bench.Files() == 2);
  spooler.reset();
  CHECK(bench.TakeIn() == "");
  bench.Begin();  // or ten seconds later
  CHECK(bench.TakeIn() == "");
  CHECK(bench.Files() == 0);
  CHECK(bench.EventsOf("m2") == "ONAPPINSTALL waiting, ONIMCONNECTORMESSAGEUPDATE waiting");
}

TEST_CASE("intake: another worker's file holds nothing up, and may prove what comes") {
  IntakeBench bench;
  bench.received_at = SystemClock().Now();
  std::unique_ptr<SpoolFile> others = bench.BeginOthers(bench.received_at, kLives);
  REQUIRE(others->Add(
      SpoolRecord(IntakeBench::RequestOf(InstallationOf("m2").Body(), "/bitrix24/event"))));
  bench.hold->Raise();
  CHECK(bench.TakeIn() == "");
  CHECK_FALSE(bench.hold->flag());
  CHECK(bench.Post(Update(1)) == "accepted");
  CHECK(bench.Post(UpdateOf("m2")) == "spooled");
  others.reset();
  CHECK(bench.TakeIn() == "");
  CHECK(bench.Files() == 2);  // it is the other's to take in
  bench.Begin();              // or five seconds later
  CHECK(bench.TakeIn() == "");
  CHECK(bench.EventsOf("m2") == "ONAPPINSTALL waiting, ONIMCONNECTORMESSAGEUPDATE waiting");
  CHECK(bench.Files() == 0);
  CHECK(bench.TakeIn() == "");
  CHECK_FALSE(bench.hold->flag());
  CHECK(bench.Post(UpdateOf("m3")) == "unknown_portal");
}

TEST_CASE("intake: nothing is kept for the proof of what came later") {
  IntakeBench bench;
  const TimePoint now = SystemClock().Now();
  std::unique_ptr<SpoolFile> others = bench.BeginOthers(now, kLives);
  REQUIRE(others->Add(RecordOf(1)));
  CHECK(bench.TakeIn() == "");
  bench.received_at = now - std::chrono::seconds(11);
  CHECK(bench.Post(UpdateOf("m3")) == "spooled");
  CHECK(bench.TakeIn() == "");
  CHECK(bench.Files() == 1);  // the other's
}

}  // namespace
}  // namespace imrelay
