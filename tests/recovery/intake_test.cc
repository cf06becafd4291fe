#include "recovery/intake.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <iterator>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "recovery/spooled_events.h"
#include "spool/spool_file.h"
#include "tests/recovery/intake_bench.h"

namespace imrelay {
namespace {

TEST_CASE("intake: what waits is taken in once, with its time, and removed") {
  IntakeBench bench;
  bench.Spool(Update(1));
  bench.Spool(Update(2));
  bench.Spool(Update(1));

  CHECK(bench.TakeIn() == "");

  CHECK(bench.Texts() == "t1 t2");
  CHECK(bench.Files() == 0);
  CHECK(bench.Show("SELECT count(*), min(received_at), max(received_at) FROM events "
                   "WHERE source = 'spool'") == "2|2026-03-17T12:20:00Z|2026-03-17T12:20:00Z");
  CHECK_FALSE(bench.hold->flag());
}

TEST_CASE("intake: files of both directories are taken in by age") {
  IntakeBench bench;
  const auto record = [](int number) {
    return SpoolRecord(IntakeBench::RequestOf(Update(number).Body(), "/bitrix24/event"));
  };
  bench.SpoolElsewhere("20260317T120000.000Z-9-000001.spool", record(1) + record(2));
  bench.Spool(Update(3));
  bench.writer->CloseFile();
  bench.SpoolElsewhere("29990317T120000.000Z-1-000001.spool", record(4));

  CHECK(bench.TakeIn() == "");

  CHECK(bench.Texts() == "t1 t2 t3 t4");
  CHECK(bench.Files() == 0);
}

TEST_CASE("intake: files that were written at the same time are taken in by the time of records") {
  IntakeBench bench;
  const auto record = [](int number) {
    SpooledRequest request = IntakeBench::RequestOf(Update(number).Body(), "/bitrix24/event");
    request.received_at += std::chrono::seconds(number);
    return SpoolRecord(request);
  };
  bench.SpoolElsewhere("20260317T120000.000Z-9-000001.spool",
                       record(1) + record(3) + "rubbish" + record(6));
  bench.SpoolElsewhere("20260317T120000.100Z-8-000001.spool", record(2) + record(4) + record(5));

  CHECK(bench.TakeIn() == "");

  CHECK(bench.Texts() == "t1 t2 t3 t4 t5 t6");
}

TEST_CASE("intake: nothing overtakes what waits, and what comes follows when it is in") {
  IntakeBench bench;
  REQUIRE(bench.raw.Execute("BEGIN IMMEDIATE"));
  std::thread locked([&] { CHECK(bench.Post(Update(1)) == "spooled"); });
  locked.join();
  CHECK(bench.Post(Update(2)) == "spooled");
  REQUIRE(bench.raw.Execute("ROLLBACK"));
  CHECK(bench.Post(Update(3)) == "spooled");

  CHECK(bench.TakeIn() == "");
  CHECK(bench.Post(Update(4)) == "accepted");

  CHECK(bench.Texts() == "t1 t2 t3 t4");
}

TEST_CASE("intake: while the database is away everything stays, and a start finds it") {
  IntakeBench bench;
  bench.Spool(Update(1));
  REQUIRE(bench.raw.Execute("BEGIN IMMEDIATE"));
  CHECK(bench.TakeIn() != "");
  CHECK(bench.hold->flag());
  REQUIRE(bench.raw.Execute("ROLLBACK"));

  bench.Begin();
  CHECK(bench.hold->flag());
  CHECK(bench.Post(Update(2)) == "spooled");
  CHECK(bench.TakeIn() == "");
  CHECK(bench.Texts() == "t1 t2");
}

TEST_CASE("intake: what is spooled while it takes in is gathered, the longer it takes in") {
  IntakeBench bench;
  bench.awaits_others = std::chrono::hours(1);
  bench.Begin();
  std::unique_ptr<SpoolWriter> spooler = bench.OpenSpooler();
  Append(*spooler, Update(1));  // holds it up
  std::vector<std::int64_t> gathered;
  bench.closed = [&] { gathered.push_back(bench.gathering); };
  CHECK(bench.TakeIn() == "");
  usleep(40'000);
  CHECK(bench.TakeIn() == "");
  usleep(2'000'000);
  CHECK(bench.TakeIn() == "");
  REQUIRE(gathered.size() == 3);
  CHECK(gathered[0] < 500);
  CHECK(gathered[1] >= 10);
  CHECK(gathered[2] == 500);
  bench.closed = nullptr;
  REQUIRE(bench.raw.Execute("BEGIN IMMEDIATE"));
  CHECK(bench.TakeIn() != "");
  CHECK(bench.gathering == 0);
  REQUIRE(bench.raw.Execute("ROLLBACK"));

  CHECK(bench.TakeIn() == "");
  usleep(40'000);
  CHECK(bench.TakeIn() == "");
  CHECK(bench.gathering >= 10);
  spooler.reset();
  CHECK(bench.TakeIn() == "");
  CHECK_FALSE(bench.hold->flag());
  CHECK(bench.gathering == 0);
}

TEST_CASE("intake: many files and many records are taken in, in their order") {
  IntakeBench bench;
  std::string expected;
  for (int file = 0; file < 12; ++file) {
    for (int i = 1; i <= 40; ++i) {
      bench.Spool(Update(file * 40 + i));
      expected += " t" + std::to_string(file * 40 + i);
    }
    bench.writer->CloseFile();
  }
  CHECK(bench.TakeIn() == "");
  CHECK(bench.Texts() == expected.substr(1));
  CHECK(bench.Files() == 0);
}

TEST_CASE("intake: what is damaged is set aside, and the rest goes on") {
  IntakeBench bench;
  const std::string first =
      SpoolRecord(IntakeBench::RequestOf(Update(1).Body(), "/bitrix24/event"));
  std::string second = SpoolRecord(IntakeBench::RequestOf(Update(2).Body(), "/bitrix24/event"));
  second[70] ^= 1;
  const std::string torn = first.substr(0, 80);
  const std::string third =
      SpoolRecord(IntakeBench::RequestOf(Update(3).Body(), "/bitrix24/event"));
  bench.SpoolElsewhere("a.spool", first + second + third + torn);

  CHECK(bench.TakeIn() == "");

  CHECK(bench.Texts() == "t1 t3");
  CHECK(bench.Files() == 0);
  const std::string damaged = SpoolDirectories(bench.spool()).damaged + "/a.spool-";
  CHECK(BytesOf(damaged + std::to_string(first.size()) + ".damaged") == second);
  CHECK(BytesOf(damaged + std::to_string(first.size() + second.size() + third.size()) +
                ".damaged") == torn);
}

TEST_CASE("intake: what nobody may post is refused and gone") {
  IntakeBench bench;
  Posted forged = Update(1);
  forged.token = "forged";
  bench.Spool(forged);
  bench.Spool("no event at all");
  bench.Spool(Update(2).Body(), "/bitrix24/nosuch/event");
  bench.Spool(Update(3));

  CHECK(bench.TakeIn() == "");

  CHECK(bench.Texts() == "t3");
  CHECK(bench.Files() == 0);
}

TEST_CASE("intake: where the database goes away in a pass, no file waits longer than another") {
  IntakeBench bench;
  bench.SpoolElsewhere("20260101T000000.000Z-1-1.spool", RecordOf(1) + RecordOf(3));
  bench.SpoolElsewhere("20260101T000000.000Z-1-2.spool", RecordOf(2) + RecordOf(4));
  bool locked = false;
  bench.closed = [&] {
    if (!locked) locked = bench.raw.Execute("BEGIN IMMEDIATE");
  };

  CHECK(bench.TakeIn() != "");
  REQUIRE(locked);
  REQUIRE(bench.raw.Execute("ROLLBACK"));

  CHECK(bench.TakeIn() == "");
  CHECK(bench.Files() == 0);
  CHECK(bench.Show("SELECT count(*) FROM events WHERE source = 'spool'") == "4");
}

TEST_CASE("intake: a file that is being written is left, and a dead writer's is taken in") {
  IntakeBench bench;
  std::unique_ptr<SpoolWriter> other = bench.OpenSpooler();
  Append(*other, Update(1));
  CHECK(bench.TakeIn() == "");
  CHECK(bench.Files() == 1);
  CHECK(bench.hold->flag());  // nothing overtakes it, from the spool neither
  CHECK(bench.Post(Update(2)) == "spooled");
  CHECK(bench.TakeIn() == "");
  CHECK(bench.Files() == 2);
  other.reset();
  CHECK(bench.TakeIn() == "");
  CHECK(bench.Files() == 0);
  CHECK(bench.Texts() == "t1 t2");
  CHECK_FALSE(bench.hold->flag());
}

TEST_CASE("intake: nothing overtakes what the spooler is still writing") {
  IntakeBench bench;
  CHECK(bench.Post(Update(1)) == "accepted");
  std::unique_ptr<SpoolWriter> spooler = bench.OpenSpooler();
  Append(*spooler, Update(2));
  CHECK(bench.Post(Update(3)) == "spooled");  // before anybody has looked into the spool
  CHECK(bench.TakeIn() == "");
  CHECK(bench.Texts() == "t1");  // what is newer waits, too
  spooler.reset();
  CHECK(bench.Post(Update(4)) == "spooled");
  CHECK(bench.TakeIn() == "");
  CHECK(bench.Texts() == "t1 t2 t3 t4");
  CHECK(bench.Post(Update(5)) == "accepted");
}

TEST_CASE("intake: a spooler that begins one file after another is not awaited for ever") {
  IntakeBench bench;
  bench.awaits_others = std::chrono::milliseconds(200);
  bench.Begin();
  bench.hold->Raise();
  bench.received_at = SystemClock().Now() + std::chrono::hours(1);
  std::unique_ptr<SpoolWriter> spooler;
  std::string last;
  for (int file = 1; file < 100 && bench.hold->flag(); ++file) {
    spooler = bench.OpenSpooler();
    Append(*spooler, Update(file));
    last = "t" + std::to_string(1000 + file);
    CHECK(bench.Post(Update(1000 + file)) == "spooled");
    usleep(10'000);
    CHECK(bench.TakeIn() == "");
  }
  CHECK_FALSE(bench.hold->flag());
  CHECK(bench.Texts().ends_with(last));  // all but what the spooler has
  CHECK(bench.Post(Update(2000)) == "accepted");
  CHECK(bench.Post(UpdateOf("m2")) == "spooled");  // the spooler's may prove it
  spooler.reset();
  CHECK(bench.TakeIn() == "");
  CHECK(bench.Files() == 0);
}

TEST_CASE("intake: what several workers wrote in an outage is taken in by its time") {
  IntakeBench bench;
  bench.hold->Raise();
  const std::chrono::seconds second(1);
  const TimePoint begun = SystemClock().Now() - 60 * second;
  std::unique_ptr<SpoolFile> others = bench.BeginOthers(begun, 1);
  SpooledRequest request = IntakeBench::RequestOf(Update(2).Body(), "/bitrix24/event");
  request.received_at = begun + 2 * second;
  REQUIRE(others->Add(SpoolRecord(request)));
  others.reset();
  for (const int number : {1, 3}) {
    bench.received_at = begun + number * second;
    CHECK(bench.Post(Update(number)) == "spooled");
  }
  CHECK(bench.TakeIn() == "");
  CHECK(bench.Texts() == "t1 t2 t3");
}

TEST_CASE("intake: what a dead worker has just written is taken in at once") {
  IntakeBench bench;
  const pid_t dead = fork();
  if (dead == 0) _exit(0);
  REQUIRE(waitpid(dead, nullptr, 0) == dead);
  REQUIRE(bench.BeginOthers(SystemClock().Now(), dead)->Add(RecordOf(1)));
  CHECK(bench.TakeIn() == "");
  CHECK(bench.Texts() == "t1");
}

TEST_CASE("intake: a record that cannot be told of is taken in all the same") {
  IntakeBench bench;
  std::atomic<bool> away = false;
  const SpooledEvents::Options options{
      {}, [](const auto&, const auto&, const auto&) { throw std::bad_alloc(); }};
  SpooledEvents events(*bench.holding, options, away);
  events.Submit(RecordOf(1));
  CHECK(events.Wait().accepted == 1);
}

TEST_CASE("intake: what came after the spooler began its file waits for that, in any file") {
  IntakeBench bench;
  const auto record = [](int number, TimePoint when) {
    SpooledRequest request = IntakeBench::RequestOf(Update(number).Body(), "/bitrix24/event");
    request.received_at = when;
    return SpoolRecord(request);
  };
  const TimePoint begun = FromUnixSeconds(1795651200);  // 20261126T000000
  const std::chrono::seconds second(1);
  REQUIRE(MakeSpoolDirectory(SpoolDirectories(bench.spool()).spooler));
  Result<std::unique_ptr<SpoolFile>> spoolers =
      SpoolFile::Begin(SpoolDirectories(bench.spool()).spooler, SpoolFileName(begun, 1, 1));
  REQUIRE(spoolers.has_value());
  REQUIRE((*spoolers)->Add(record(2, begun)));
  // It was begun before, and has what came before and after.
  bench.SpoolElsewhere(SpoolFileName(begun - second, 2, 1),
                       record(1, begun - second) + record(3, begun + second));

  CHECK(bench.TakeIn() == "");
  CHECK(bench.Texts() == "t1");
  spoolers->reset();
  CHECK(bench.TakeIn() == "");
  CHECK(bench.Texts() == "t1 t2 t3");
  CHECK(bench.Files() == 0);
}

TEST_CASE("intake: what is no spool file is passed over, and holds up nothing") {
  IntakeBench bench;
  bench.SpoolElsewhere("x", "");
  REQUIRE(symlink("x", bench.Elsewhere("0.spool").c_str()) == 0);
  REQUIRE(mkfifo(bench.Elsewhere("1.spool").c_str(), 0600) == 0);
  bench.SpoolElsewhere("2.spool", "");
  REQUIRE(truncate(bench.Elsewhere("2.spool").c_str(), off_t{1} << 31) == 0);
  bench.Spool(Update(1));

  CHECK(bench.TakeIn() == "");

  CHECK(bench.Texts() == "t1");
  CHECK(bench.Files() == 3);
  CHECK_FALSE(bench.hold->flag());
}

}  // namespace
}  // namespace imrelay
