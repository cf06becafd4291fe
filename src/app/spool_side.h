#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "app/background_loop.h"
#include "app/config.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/result.h"
#include "ingest/hold.h"
#include "ingest/ingest.h"
#include "recovery/intake.h"
#include "spool/writer.h"
#include "store/store.h"
#include "web/http.h"

namespace imrelay {

// What a worker does with the spool: keeps in it what the database does not take, and takes in what
// is there. Thread-safe.
class SpoolSide {
 public:
  // The hold is that of `ingest`. Where something waits already, it is raised at once. A directory
  // that cannot be used is logged, and tried again when it is needed.
  SpoolSide(const Config& config, Store& store, Ingest& ingest, Hold& hold, const Clock& clock);

  // Takes in nothing further; what is posted is still kept. Returns at once.
  void Stop() { loop_.Stop(); }

  // Keeps an event; see SpoolEvents in web/routes.h.
  void Keep(const Request& request, std::function<void(Status)> done);

 private:
  Result<SpoolWriter*> Writer();
  // Where it is open, or can be opened now.
  void WithWriter(const std::function<void(SpoolWriter&)>& action);

  const Clock& clock_;
  const SpoolWriter::Options options_;
  std::mutex mutex_;
  std::unique_ptr<SpoolWriter> writer_;
  std::chrono::steady_clock::time_point next_try_{};
  Error unopened_;  // why there is no writer
  Intake intake_;
  BackgroundLoop loop_;  // last: it uses the others
};

// Adds what waits in the spool of `directory`, for /metrics. What cannot be looked at is left out.
void AddSpoolLevels(const std::string& directory, TimePoint now, std::vector<Level>& levels);

}  // namespace imrelay
