#include "app/spool_side.h"

#include <set>
#include <string>
#include <utility>

#include "base/log.h"
#include "spool/files.h"

namespace imrelay {
namespace {

constexpr std::chrono::milliseconds kIntakePause{500};
constexpr std::chrono::seconds kPauseOfOpening{1};

}  // namespace

SpoolSide::SpoolSide(const Config& config, Store& store, Ingest& ingest, Hold& hold,
                     const Clock& clock)
    : clock_(clock),
      options_{.directory = SpoolDirectories(config.spool_directory).worker,
               .least_free_bytes = kFreeForWorkers},
      intake_(store, ingest, hold,
              {.spool = config.spool_directory,
               .lock_file = config.database_path + "-intake",
               .applications = NamedApplications(config),
               .close_own = [this] { WithWriter([](SpoolWriter& own) { own.CloseFile(); }); },
               .gather_own =
                   [this](std::chrono::milliseconds longest) {
                     WithWriter([longest](SpoolWriter& own) { own.Gather(longest); });
                   }}),
      loop_({"the spool waits", {}, kIntakePause}, [this] { return intake_.Pass(); }) {
  if (Result<SpoolWriter*> writer = Writer(); !writer) {
    Log(LogLevel::kError, "no spool", {{"because", writer.error().message}});
  }
}

Result<SpoolWriter*> SpoolSide::Writer() {
  const std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  if (!writer_ && now >= next_try_) {
    next_try_ = now + kPauseOfOpening;
    Result<std::unique_ptr<SpoolWriter>> opened = SpoolWriter::Open(options_);
    if (opened) {
      writer_ = *std::move(opened);
    } else {
      unopened_ = std::move(opened).error();
    }
  }
  if (!writer_) return Fail(unopened_);
  return writer_.get();
}

void SpoolSide::WithWriter(const std::function<void(SpoolWriter&)>& action) {
  // Not under the lock: the writer's thread may want to keep another while it is waited for.
  if (Result<SpoolWriter*> writer = Writer(); writer) action(**writer);
}

void SpoolSide::Keep(const Request& request, std::function<void(Status)> done) {
  Result<SpoolWriter*> writer = Writer();
  if (!writer) return done(Fail(std::move(writer).error()));
  (*writer)->Append(
      {clock_.Now(), request.path, request.content_type, request.remote_address, request.body},
      std::move(done));
}

void AddSpoolLevels(const std::string& directory, TimePoint now, std::vector<Level>& levels) {
  const SpoolDirectories directories(directory);
  for (const auto& [name, path] :
       {std::pair("spooler", directories.spooler), std::pair("worker", directories.worker)}) {
    const Result<SpoolUsage> usage = MeasureSpool(path);
    if (!usage) continue;
    const MetricLabels labels{{"directory", name}};
    levels.push_back({"imrelay_spool_files", labels, static_cast<double>(usage->files)});
    levels.push_back({"imrelay_spool_bytes", labels, static_cast<double>(usage->bytes)});
    const std::chrono::duration<double> age =
        usage->oldest ? now - *usage->oldest : TimePoint::duration{};
    levels.push_back({"imrelay_spool_oldest_age_seconds", labels, age.count()});
  }
}

}  // namespace imrelay
