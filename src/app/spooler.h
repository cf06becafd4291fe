#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "spool/writer.h"
#include "web/http.h"

namespace imrelay {

// Answers, in place of a worker, what nginx passes on while none answers. A posted event is kept in
// the spool and answered 200 `spooled` once it is on disk; who sent it is looked at when a worker
// takes it in, so here it only has to be an event at all. What only a worker can do is answered
// 503. Thread-safe.
class Spooler {
 public:
  // Writes to `directory`, and works without it: what cannot be kept is answered 503 and the
  // directory tried again, so that neither a full disk nor a missing one keeps it from starting.
  Spooler(std::string directory, const Clock& clock);
  // Every reply was given before.
  ~Spooler();

  // Tries the directory, so that a fault of it is known before the first event needs it. Errors:
  // kUnavailable, naming what is at fault.
  Status TryDirectory();

  // Answers, whatever the request: an event perhaps after this has returned. Logs a line for each
  // event that is kept, one when the spool begins to fail, and one when it is well again.
  void Handle(const Request& request, Reply reply);

 private:
  void HandlePost(const Request& request, Reply reply);
  // Null, with `why` set, while the directory cannot be used.
  SpoolWriter* Writer(Error& why);
  void NoteWritten();
  void NoteFailed(const Error& error);

  const std::string directory_;
  const Clock& clock_;
  std::mutex mutex_;
  std::unique_ptr<SpoolWriter> writer_;
  Error unopened_;  // why there is no writer
  std::chrono::steady_clock::time_point next_try_{};
  std::uint64_t refused_ = 0;  // since the spool began to fail; 0 while it is well
};

// Runs the spooler until SIGTERM or SIGINT, then drains it. `spool_directory` is the configured
// one, below which it has a directory of its own; `listen` is the value of --listen; empty takes
// the socket this process inherited.
// Errors: kUnavailable when the system refuses the socket; kInvalidArgument with kUsageReason when
// `listen` is at fault.
Status RunSpooler(const std::string& spool_directory, const std::string& listen);

}  // namespace imrelay
