#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace imrelay {

// The directories below spool.directory.
struct SpoolDirectories {
  explicit SpoolDirectories(const std::string& spool)
      : spooler(spool + "/spooler"), worker(spool + "/worker"), damaged(spool + "/damaged") {}

  std::string spooler;  // written by imrelay spooler
  std::string worker;   // written by workers while the database is away
  std::string damaged;  // what could not be read, set aside for people
};

// What waits in a directory.
struct SpoolUsage {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::optional<TimePoint> oldest;  // when the oldest file was begun, by its name
};

// The spool files of a directory by name, which is by age; none where there is no directory.
// Errors: kUnavailable.
Result<std::vector<std::string>> ListSpool(const std::string& directory);

// When a file was begun, by its name; none where it is no name of ours.
std::optional<TimePoint> SpoolFileBegun(const std::string& name);
// The process that began it, likewise.
std::optional<int> SpoolFileProcess(const std::string& name);

// Errors: kUnavailable.
Result<SpoolUsage> MeasureSpool(const std::string& directory);

// Makes a directory and those above it that are missing, mode 0700; they belong to the owner of the
// one above. Errors: kUnavailable, naming it.
Status MakeSpoolDirectory(const std::string& directory);

// Has the names in a directory on disk. Errors: kUnavailable.
Status SyncDirectory(const std::string& directory);

// A spool file that nobody writes and nobody else takes in while this lives.
class TakenSpool {
 public:
  // None when it is being written, another has taken it, or it is gone. Follows no symbolic link.
  // Errors: kUnavailable.
  static Result<std::optional<TakenSpool>> Take(const std::string& path);

  TakenSpool(TakenSpool&& other) noexcept;
  TakenSpool& operator=(TakenSpool&&) = delete;
  ~TakenSpool();

  const std::string& path() const { return path_; }
  // All of it. Errors: kUnavailable; kInvalidArgument when it is larger than any spool file.
  Result<std::string> Read() const;
  // Removes it: everything in it is on disk elsewhere. Errors: kUnavailable.
  Status Remove();

 private:
  TakenSpool(int fd, std::string path);

  int fd_;
  std::string path_;
};

// Writes what is damaged to a file of its own, durably, named by the file it stood in and where. To
// do it again changes nothing. Returns the path. Errors: kUnavailable.
Result<std::string> SetAside(const std::string& directory, const std::string& spool_path,
                             std::size_t offset, std::string_view bytes);

}  // namespace imrelay
