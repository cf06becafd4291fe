#include "spool/writer.h"

#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <utility>

#include "base/log.h"
#include "spool/files.h"

namespace imrelay {
namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr std::chrono::seconds kMeasuredFor{1};
// Half of the requests that may be under way: senders who do not wait for each other must not fill
// the backlog until nginx gives up.
constexpr std::size_t kManyGathered = 128;

}  // namespace

Result<std::unique_ptr<SpoolWriter>> SpoolWriter::Open(Options options) {
  if (Status made = MakeSpoolDirectory(options.directory); !made) {
    return Fail(std::move(made).error());
  }
  return std::unique_ptr<SpoolWriter>(new SpoolWriter(std::move(options)));
}

SpoolWriter::SpoolWriter(Options options)
    : options_(std::move(options)), thread_([this] { Loop(); }) {}

SpoolWriter::~SpoolWriter() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  arrived_.notify_one();
  thread_.join();
}

void SpoolWriter::Append(SpooledRequest request, Done done) {
  if (request.body.size() > kMaxSpooledBody) {
    return done(Fail(ErrorCode::kInvalidArgument, "the body is too large", "body_too_large"));
  }
  Work work{SpoolRecord(request), std::move(done)};
  {
    const std::lock_guard lock(mutex_);
    if (queue_.empty()) gathered_since_ = SteadyClock::now();
    queue_.push_back(std::move(work));
  }
  arrived_.notify_one();
}

void SpoolWriter::Gather(std::chrono::milliseconds longest) {
  {
    const std::lock_guard lock(mutex_);
    gathering_ = longest;
  }
  arrived_.notify_one();
}

void SpoolWriter::CloseFile() {
  std::unique_lock lock(mutex_);
  const std::uint64_t mine = ++closings_wanted_;
  arrived_.notify_one();
  closed_.wait(lock, [&] { return closings_done_ >= mine; });
}

void SpoolWriter::Loop() {
  std::vector<Work> batch;
  std::uint64_t closings = 0;
  while (Wait(batch, closings)) {
    WriteBatch(batch);
    batch.clear();
    const bool close =
        closings > 0 || (file_ && SteadyClock::now() - file_->begun() >= options_.file_age);
    if (close) file_.reset();
    if (closings == 0) continue;
    {
      const std::lock_guard lock(mutex_);
      closings_done_ += closings;
    }
    closed_.notify_all();
  }
  file_.reset();
}

bool SpoolWriter::Wait(std::vector<Work>& batch, std::uint64_t& closings) {
  std::unique_lock lock(mutex_);
  const auto wanted = [this] {
    return stopping_ || !queue_.empty() || closings_wanted_ > closings_done_;
  };
  if (file_) {
    arrived_.wait_until(lock, file_->begun() + options_.file_age, wanted);
  } else {
    arrived_.wait(lock, wanted);
  }
  const std::chrono::milliseconds longest = gathering_;
  if (!queue_.empty() && longest.count() > 0) {
    arrived_.wait_until(lock, gathered_since_ + longest, [&] {
      return stopping_ || gathering_ < longest || queue_.size() >= kManyGathered ||
             closings_wanted_ > closings_done_;
    });
  }
  batch.swap(queue_);
  closings = closings_wanted_ - closings_done_;
  return !stopping_ || !batch.empty() || closings > 0;
}

void SpoolWriter::WriteBatch(std::vector<Work>& batch) {
  std::vector<Work*> written;
  if (file_ && file_->IsRemoved()) file_.reset();
  for (Work& work : batch) {
    if (file_ && file_->bytes() >= options_.file_bytes) {
      Settle(written);
      file_.reset();
    }
    if (Status done = Write(work.record); done) {
      written.push_back(&work);
    } else {
      // Those before it are told first, so that they keep their order.
      Settle(written);
      Tell(work, std::move(done));
    }
  }
  Settle(written);
}

Status SpoolWriter::Write(const std::string& record) {
  if (!file_) {
    // Somebody may have removed it since.
    if (Status made = MakeSpoolDirectory(options_.directory); !made) return made;
  }
  if (Status room = EnsureRoom(record.size()); !room) return room;
  if (Status begun = EnsureFile(); !begun) return begun;
  Status added = file_->Add(record);
  if (!added) return added;
  used_ += record.size();
  free_ -= std::min<std::uint64_t>(free_, record.size());
  return added;
}

Status SpoolWriter::EnsureRoom(std::uint64_t bytes) {
  const SteadyClock::time_point now = SteadyClock::now();
  if (now - measured_ >= kMeasuredFor) {
    Result<SpoolUsage> usage = MeasureSpool(options_.directory);
    if (!usage) return Fail(std::move(usage).error());
    struct statvfs disk {};
    if (statvfs(options_.directory.c_str(), &disk) != 0) {
      return Fail(ErrorCode::kUnavailable, options_.directory + ": " + std::strerror(errno));
    }
    used_ = usage->bytes;
    free_ = static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
    measured_ = now;
  }
  if (used_ + bytes > options_.most_bytes) {
    return Fail(ErrorCode::kUnavailable, options_.directory + " holds all it may", "full");
  }
  if (free_ < options_.least_free_bytes + bytes) {
    return Fail(ErrorCode::kUnavailable, "the disk of " + options_.directory + " is nearly full",
                "full");
  }
  return {};
}

Status SpoolWriter::EnsureFile() {
  if (file_ && file_->is_sound()) return {};
  file_.reset();
  Status begun;
  for (int tries = 0; tries < 10; ++tries) {
    last_begun_ = std::max(last_begun_, SystemClock().Now());
    Result<std::unique_ptr<SpoolFile>> file =
        SpoolFile::Begin(options_.directory, SpoolFileName(last_begun_, getpid(), ++begun_));
    if (file) {
      file_ = *std::move(file);
      return {};
    }
    begun = Fail(std::move(file).error());
    if (begun.error().reason != "taken") break;
  }
  return begun;
}

void SpoolWriter::Settle(std::vector<Work*>& written) {
  if (written.empty()) return;
  const Status synced = file_->Sync();
  for (const Work* work : written) Tell(*work, synced);
  written.clear();
}

void SpoolWriter::Tell(const Work& work, Status status) {
  try {
    work.done(std::move(status));
  } catch (const std::exception& error) {
    Log(LogLevel::kError, "answer", {{"error", error.what()}});
  }
}

}  // namespace imrelay
