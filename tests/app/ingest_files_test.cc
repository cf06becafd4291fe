#include "app/ingest_files.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/service.h"
#include "spool/record.h"
#include "tests/app/config_bench.h"
#include "tests/fakes/fake_clock.h"

namespace imrelay {
namespace {

struct Bench {
  Bench() { REQUIRE(service.has_value()); }

  static std::string Record(const std::string& body) {
    return SpoolRecord({TimePoint(std::chrono::seconds(1)), "/bitrix24/event",
                        "application/x-www-form-urlencoded", "192.0.2.1", body});
  }
  static std::string Install(const std::string& member_id) {
    return Record("event=ONAPPINSTALL&data[VERSION]=1&ts=1773748800&auth[member_id]=" + member_id +
                  "&auth[application_token]=t&auth[access_token]=a&auth[refresh_token]=r");
  }
  // What is printed, and "!" where something was found wrong.
  std::string Take(const std::vector<std::string>& files,
                   OutputFormat format = OutputFormat::kText) {
    const Output output = IngestFiles(ingest, {}, files, format, away);
    return output.text + (output.found ? "" : "!");
  }

  ConfigBench configured;
  Config config = configured.Loaded("[database]\nurl = \"sqlite:imrelay.db\"\n");
  Result<Service> service = OpenService(config);
  const FakeClock clock;
  Ingest ingest{*service->store, service->keyring, clock};
  std::optional<Error> away;
};

TEST_CASE("ingest_files: what became of the records is told, and again they are duplicates") {
  Bench bench;
  const std::string file =
      bench.configured.Write("x.spool", Bench::Install("m1") + Bench::Install("m2"));
  CHECK(bench.Take({file}) == file +
                                  ": 2 accepted, 0 duplicate, 0 ignored, 0 refused, 0 damaged, "
                                  "0 to be taken in again\n");
  CHECK(bench.Take({file}) == file +
                                  ": 0 accepted, 2 duplicate, 0 ignored, 0 refused, 0 damaged, "
                                  "0 to be taken in again\n");
  CHECK(access(file.c_str(), F_OK) == 0);
  CHECK_FALSE(bench.away);
}

TEST_CASE("ingest_files: what is refused or damaged is told with its reason and place") {
  Bench bench;
  const std::string forged = Bench::Record("event=X&auth[member_id]=no&auth[application_token]=t");
  const std::string file =
      bench.configured.Write("x.spool", forged + "rubbish" + Bench::Install("m1"));
  const std::string at = std::to_string(forged.size());
  CHECK(bench.Take({file}) == file +
                                  ": 1 accepted, 0 duplicate, 0 ignored, 1 refused "
                                  "(unknown_portal 1), 1 damaged, 0 to be taken in again\n"
                                  "  damaged: 7 bytes at " +
                                  at + "\n!");
  CHECK(bench.Take({file}, OutputFormat::kJson) ==
        R"([{"file":")" + file + R"(","accepted":0,"duplicate":1,"ignored":0,)" +
            R"("refused":{"unknown_portal":1},"damaged":[{"offset":)" + at +
            R"(,"bytes":7}],"waits":0}])" + "\n!");
}

TEST_CASE("ingest_files: what is no spool file is told, and the others are taken in") {
  Bench bench;
  const std::string good = bench.configured.Write("x.spool", Bench::Install("m1"));
  const std::string text = bench.configured.Write("y.spool", "Dear diary");
  const std::string none = text + ".no";
  const std::string first = bench.Take({none, text, good});
  CHECK(first.starts_with(none + ": not taken in: no such file\n" + text +
                          ": not taken in: it is no spool file\n" + good + ": 1 accepted"));
  CHECK(first.ends_with("\n!"));
  CHECK(bench.Take({text}, OutputFormat::kJson) ==
        R"([{"file":")" + text + R"(","error":"it is no spool file"}])" + "\n!");
  const int held = open(text.c_str(), O_RDONLY);
  REQUIRE(flock(held, LOCK_EX) == 0);
  const std::string second = bench.Take({text, good});
  close(held);
  CHECK(Contains(second, text + ": not taken in: it is being written or taken in"));
  CHECK(Contains(second, good + ": 0 accepted, 1 duplicate"));
}

}  // namespace
}  // namespace imrelay
