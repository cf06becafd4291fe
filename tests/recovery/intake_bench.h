#pragma once

#include <doctest/doctest.h>

#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/await.h"
#include "recovery/intake.h"
#include "spool/record.h"
#include "spool/spool_file.h"
#include "spool/watch.h"
#include "spool/writer.h"
#include "tests/ingest/ingest_bench.h"

namespace imrelay {

inline constexpr const char* kForm = "application/x-www-form-urlencoded";

// A worker's ingest with a hold, its spool, and who takes that in.
class IntakeBench : public IngestBench {
 public:
  IntakeBench() {
    InstallPortal();
    Begin();
  }

  // As a worker that starts: the one before was killed.
  void Begin() {
    intake.reset();
    writer.reset();
    watch = std::make_unique<SpoolWatch>(SpoolDirectories(spool()).spooler);
    hold = std::make_unique<Hold>([this] { return watch->HasNew(); });
    holding = std::make_unique<Ingest>(store(), keyring, clock, hold.get());
    intake = std::make_unique<Intake>(
        store(), *holding, *hold,
        Intake::Options{
            .spool = spool(),
            .lock_file = home_.File("lock"),
            .applications = {},
            .close_own =
                [this] {
                  if (writer) writer->CloseFile();
                  if (closed) closed();
                },
            .gather_own = [this](std::chrono::milliseconds told) { gathering = told.count(); },
            .awaits_others = awaits_others});
    SpoolWriter::Options options;
    options.directory = SpoolDirectories(spool()).worker;
    Result<std::unique_ptr<SpoolWriter>> opened = SpoolWriter::Open(options);
    REQUIRE(opened.has_value());
    writer = *std::move(opened);
  }

  std::function<void()> closed;                   // called when a pass has begun
  std::int64_t gathering = 0;                     // milliseconds, as the intake has told last
  std::chrono::milliseconds awaits_others{5000};  // from the next Begin
  TimePoint received_at{std::chrono::seconds(1773750000)};

  std::string spool() const { return home_.File("spool"); }

  static SpooledRequest RequestOf(const std::string& body, const std::string& path) {
    return {TimePoint(std::chrono::seconds(1773750000)), path, kForm, "192.0.2.1", body};
  }
  void Spool(const std::string& body, const std::string& path = "/bitrix24/event") {
    SpooledRequest request = RequestOf(body, path);
    request.received_at = received_at;
    const Status status = Await<Status>(
        [&](SpoolWriter::Done done) { writer->Append(std::move(request), std::move(done)); });
    REQUIRE(status.has_value());
  }
  void Spool(const Posted& posted) { Spool(posted.Body()); }
  // A file of the spooler's.
  void SpoolElsewhere(const std::string& name, const std::string& content) {
    REQUIRE(MakeSpoolDirectory(SpoolDirectories(spool()).spooler));
    std::ofstream(Elsewhere(name), std::ios::binary) << content;
  }
  std::string Elsewhere(const std::string& name) const {
    return SpoolDirectories(spool()).spooler + '/' + name;
  }

  // A file of another worker's, as long as that writes it.
  std::unique_ptr<SpoolFile> BeginOthers(TimePoint begun, int process) const {
    const std::string directory = SpoolDirectories(spool()).worker;
    Result<std::unique_ptr<SpoolFile>> file =
        SpoolFile::Begin(directory, SpoolFileName(begun, process, 1));
    REQUIRE(file.has_value());
    return *std::move(file);
  }

  // The spooler, which closes its file only when it ends.
  std::unique_ptr<SpoolWriter> OpenSpooler() const {
    SpoolWriter::Options options;
    options.directory = SpoolDirectories(spool()).spooler;
    options.file_age = std::chrono::milliseconds(60'000);
    Result<std::unique_ptr<SpoolWriter>> opened = SpoolWriter::Open(options);
    REQUIRE(opened.has_value());
    return *std::move(opened);
  }

  // As a worker's loop does; "" or the error.
  std::string TakeIn() {
    while (true) {
      const Result<bool> busy = intake->Pass();
      if (!busy) return busy.error().message;
      if (!*busy) return {};
    }
  }
  std::size_t Files() const {
    return ListSpool(SpoolDirectories(spool()).worker)->size() +
           ListSpool(SpoolDirectories(spool()).spooler)->size();
  }
  // As routes do: "spooled" what is to be kept.
  std::string Post(const Posted& posted) {
    Claimed claimed;
    const Result<Committed> received = Receive(*holding, posted.Body(), claimed);
    if (received || received.error().code != ErrorCode::kUnavailable) {
      return received ? WordOf(received) : received.error().reason;
    }
    Spool(posted);
    return "spooled";
  }
  std::string EventsOf(const std::string& member_id) {
    return Show(
        "SELECT group_concat(event || ' ' || status, ', ') FROM events WHERE member_id = '" +
        member_id + "'");
  }
  std::string Texts() {
    return Show(
        "SELECT group_concat(json_extract(payload, '$.text'), ' ') FROM (SELECT payload FROM "
        "delivery WHERE kind = 'message.updated' ORDER BY delivery_id)");
  }

 private:
  TemporaryDirectory home_;

 public:
  RawDatabase raw{path()};
  std::unique_ptr<SpoolWatch> watch;
  std::unique_ptr<Hold> hold;
  std::unique_ptr<Ingest> holding;
  std::unique_ptr<SpoolWriter> writer;
  std::unique_ptr<Intake> intake;
};

inline Posted Update(int number) {
  return Posted{"ONIMCONNECTORMESSAGEUPDATE", DataOf(1, "x", "t" + std::to_string(number)),
                1773750000 + number};
}

inline Posted InstallationOf(const std::string& member_id) {
  return {"ONAPPINSTALL", "data[VERSION]=1", 1773750000,
          member_id,      "token-b",         "auth[access_token]=a&auth[refresh_token]=r"};
}

// Of a portal that InstallationOf installs.
inline Posted UpdateOf(const std::string& member_id) {
  Posted update = Update(1);
  update.member_id = member_id;
  update.token = "token-b";
  return update;
}

inline std::string RecordOf(int number) {
  return SpoolRecord(IntakeBench::RequestOf(Update(number).Body(), "/bitrix24/event"));
}

inline void Append(SpoolWriter& writer, const Posted& posted) {
  REQUIRE(Await<Status>([&](SpoolWriter::Done done) {
    writer.Append(IntakeBench::RequestOf(posted.Body(), "/bitrix24/event"), std::move(done));
  }));
}

}  // namespace imrelay
