#include "app/doctor_spool.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <system_error>

#include "admin/spool_checks.h"
#include "spool/files.h"
#include "spool/writer.h"

namespace imrelay {
namespace {

namespace fs = std::filesystem;

// The directory itself, or the one in which it will be made.
fs::path Existing(const fs::path& path) {
  std::error_code error;
  fs::path existing = path;
  while (!fs::exists(existing, error) && existing.has_parent_path() &&
         existing != existing.parent_path()) {
    existing = existing.parent_path();
  }
  return existing;
}

SpoolSight::Directory LookAt(const std::string& path, const std::string& database) {
  SpoolSight::Directory directory;
  directory.path = path;
  directory.most_bytes = SpoolWriter::Options().most_bytes;
  const fs::path existing = Existing(path);
  struct stat facts {};
  struct stat home {};
  const bool known = stat(existing.c_str(), &facts) == 0;
  if (!known || !S_ISDIR(facts.st_mode)) {
    directory.fault = existing.string() + " is no directory";
    directory.mend = "name another with spool.directory, or move that away";
  } else if (access(existing.c_str(), W_OK | X_OK) != 0) {
    directory.fault = existing.string() + " cannot be written";
    directory.mend = "give it to the service's user: chown, chmod 0700; is its disk read-only?";
  } else if (existing == fs::path(path) && (facts.st_mode & 0077) != 0) {
    directory.fault = "open to others, and there are tokens in it";
    directory.mend = "chmod 0700 " + path;
  } else if (geteuid() == 0 && existing == fs::path(path) &&
             stat(Existing(fs::path(database).parent_path()).c_str(), &home) == 0 &&
             home.st_uid != facts.st_uid) {
    directory.fault = "does not belong to the owner of the database's folder";
    directory.mend = "chown --reference=" + fs::path(database).parent_path().string() + ' ' + path;
  }
  if (const Result<SpoolUsage> usage = MeasureSpool(path); usage) {
    directory.files = usage->files;
    directory.bytes = usage->bytes;
    directory.oldest = usage->oldest;
  } else if (directory.fault.empty()) {
    directory.fault = usage.error().message;
    directory.mend = "give it to the service's user";
  }
  return directory;
}

}  // namespace

Findings CheckSpoolOf(const Config& config) {
  const SpoolDirectories directories(config.spool_directory);
  SpoolSight sight;
  for (const std::string& path : {directories.spooler, directories.worker}) {
    sight.directories.push_back(LookAt(path, config.database_path));
  }
  sight.least_free_bytes = kFreeForStrangers;
  sight.least_free_of_worker = kFreeForWorkers;
  struct statvfs disk {};
  sight.free_bytes = 2 * sight.least_free_bytes;
  if (statvfs(Existing(config.spool_directory).c_str(), &disk) == 0) {
    sight.free_bytes = static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
  }
  sight.damaged = directories.damaged;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directories.damaged, error)) {
    if (entry.path().extension() == ".damaged") ++sight.damaged_files;
  }
  return CheckSpool(sight, SystemClock().Now());
}

}  // namespace imrelay
