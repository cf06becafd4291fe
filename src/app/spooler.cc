#include "app/spooler.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "app/fastcgi_process.h"
#include "app/settings.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "codec/body.h"
#include "codec/event_decoder.h"
#include "fastcgi/server.h"
#include "ingest/application_path.h"
#include "spool/files.h"
#include "web/answers.h"

namespace imrelay {
namespace {

constexpr int kThreads = 4;
constexpr std::chrono::seconds kOpenAgain{1};

// Where events are posted. Which applications there are is the worker's to know.
enum class Place { kEvent, kInstall, kElsewhere };

Place PlaceOf(std::string_view path) {
  const std::optional<ApplicationPath> parsed = ParseApplicationPath(path);
  if (!parsed) return Place::kElsewhere;
  const std::string& application = parsed->application;
  if (!application.empty() && !CanNameApplication(application)) return Place::kElsewhere;
  if (parsed->page == "event") return Place::kEvent;
  return parsed->page == "install" ? Place::kInstall : Place::kElsewhere;
}

Response NoWorkerAnswer() { return UnavailableAnswer("unavailable", "no worker answers"); }

// What the log tells of an event; all of it is claimed.
struct Claim {
  std::string event;
  std::string member_id;
  std::string remote;
};

void LogSpooled(const Claim& claim) {
  Log(LogLevel::kInfo, "event",
      {{"status", "spooled"},
       {"http", "200"},
       {"event", claim.event},
       {"member_id", claim.member_id},
       {"remote", claim.remote}});
}

void LogUnusable(const std::string& spool_directory, const Error& error) {
  Log(LogLevel::kError, "the spool cannot be used: events that no worker takes will be lost",
      {{"option", "spool.directory"},
       {"value", spool_directory},
       {"reason", error.message},
       {"mend",
        "give it to the service's user (chown, chmod 0700), on a disk that can be written, "
        "or name another; it is tried again with each event"}});
}

}  // namespace

Spooler::Spooler(std::string directory, const Clock& clock)
    : directory_(std::move(directory)), clock_(clock) {}

Spooler::~Spooler() = default;

void Spooler::Handle(const Request& request, Reply reply) {
  if (PlaceOf(request.path) == Place::kElsewhere) return reply(NoWorkerAnswer());
  if (request.method == "POST") return HandlePost(request, std::move(reply));
  if (request.method != "GET" && request.method != "HEAD") {
    return reply(WrongMethodAnswer("GET, HEAD, POST"));
  }
  reply(StatusAnswer(kSpoolingStatus));
}

void Spooler::HandlePost(const Request& request, Reply reply) {
  if (const std::optional<Refusal> refusal = RefuseUnread(request, TakenFormats::kFormAndJson)) {
    return reply(ErrorAnswer(refusal->status, refusal->code, refusal->message));
  }
  const Result<Tree> body = ParseBody(*FormatOf(request.content_type), request.body);
  // What a browser posts to a page has no such key, and only a worker has pages.
  const bool page =
      PlaceOf(request.path) == Place::kInstall && body && body->Find("event") == nullptr;
  if (page) return reply(NoWorkerAnswer());
  const Result<Event> event = body ? DecodeEvent(*body) : Result<Event>(Fail(body.error()));
  if (!event) {
    return reply(ErrorAnswer(event.error().reason == "body_too_large" ? 413 : 400,
                             event.error().reason, event.error().message));
  }
  Error why;
  SpoolWriter* const writer = Writer(why);
  if (writer == nullptr) {
    NoteFailed(why);
    return reply(UnavailableAnswer("unavailable", "the event could not be kept; send it again"));
  }
  Failpoint("spooler.before_append");
  writer->Append(
      {clock_.Now(), request.path, request.content_type, request.remote_address, request.body},
      [this, reply = std::move(reply),
       claim = Claim{event->name, event->auth.member_id.value(), request.remote_address}](
          const Status& written) {
        if (!written) {
          NoteFailed(written.error());
          return reply(
              UnavailableAnswer("unavailable", "the event could not be kept; send it again"));
        }
        NoteWritten();
        LogSpooled(claim);
        Failpoint("spooler.before_answer");
        reply(StatusAnswer("spooled"));
      });
}

Status Spooler::TryDirectory() {
  Error why;
  if (Writer(why) == nullptr) return Fail(std::move(why));
  if (access(directory_.c_str(), W_OK | X_OK) == 0) return {};
  return Fail(ErrorCode::kUnavailable, "write " + directory_ + ": " + std::strerror(errno));
}

SpoolWriter* Spooler::Writer(Error& why) {
  const std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  if (!writer_ && now >= next_try_) {
    next_try_ = now + kOpenAgain;
    Result<std::unique_ptr<SpoolWriter>> opened = SpoolWriter::Open({.directory = directory_});
    if (opened) {
      writer_ = *std::move(opened);
    } else {
      unopened_ = opened.error();
    }
  }
  if (!writer_) why = unopened_;
  return writer_.get();
}

void Spooler::NoteWritten() {
  std::uint64_t refused = 0;
  {
    const std::lock_guard lock(mutex_);
    refused = std::exchange(refused_, 0);
  }
  if (refused == 0) return;
  Log(LogLevel::kWarning, "the spool can be written again",
      {{"refused", std::to_string(refused)}, {"directory", directory_}});
}

void Spooler::NoteFailed(const Error& error) {
  {
    const std::lock_guard lock(mutex_);
    if (refused_++ > 0) return;
  }
  Log(LogLevel::kError, "EVENTS ARE LOST: the spool cannot be written and no worker answers",
      {{"directory", directory_}, {"reason", error.message}});
}

Status RunSpooler(const std::string& spool_directory, const std::string& listen) {
  ForbidCoreFiles();
  RaiseDescriptorLimit();
  const sigset_t stop_signals = BlockStopSignals();
  const Result<int> socket = ListenSocket(listen);
  if (!socket) return Fail(socket.error());

  const SystemClock clock;
  const std::string directory = SpoolDirectories(spool_directory).spooler;
  Spooler spooler(directory, clock);
  if (const Status usable = spooler.TryDirectory(); !usable) {
    LogUnusable(spool_directory, usable.error());
  }
  ServerOptions options;
  options.listen_fd = *socket;
  options.threads = kThreads;
  Result<std::unique_ptr<Server>> server =
      Server::Start(options, [&spooler](const Request& request, Reply reply) {
        spooler.Handle(request, std::move(reply));
      });
  if (!server) return Fail(std::move(server).error());
  Log(LogLevel::kInfo, "spooler started",
      {{"pid", std::to_string(getpid())}, {"directory", directory}});

  int signal = 0;
  sigwait(&stop_signals, &signal);
  (*server)->Drain();
  Log(LogLevel::kInfo, "spooler ended", {{"pid", std::to_string(getpid())}});
  return {};
}

}  // namespace imrelay
