#include "admin/spool_checks.h"

namespace imrelay {
namespace {

constexpr const char* kCheck = "spool";

// "1 file waits", "2 files wait".
std::string Waiting(std::uint64_t files) {
  return std::to_string(files) + (files == 1 ? " file waits" : " files wait");
}

std::string Mebibytes(std::uint64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

void CheckDirectory(Findings& findings, const SpoolSight::Directory& directory, TimePoint now) {
  if (!directory.fault.empty()) {
    findings.push_back(Broken(kCheck, directory.path, directory.fault, directory.mend));
  }
  if (directory.oldest && now - *directory.oldest > kSpoolWaitsTooLong) {
    const auto age = std::chrono::duration_cast<std::chrono::minutes>(now - *directory.oldest);
    findings.push_back(
        Warn(kCheck, directory.path,
             Waiting(directory.files) + ", the oldest for " + std::to_string(age.count()) +
                 (age.count() == 1 ? " minute" : " minutes"),
             "see to the worker and the database: it takes them in by itself; the log says why "
             "not. By hand: imrelay ingest FILE"));
  }
  if (directory.bytes > directory.most_bytes / 10 * 8) {
    findings.push_back(Warn(kCheck, directory.path,
                            Mebibytes(directory.bytes) + " wait; it holds " +
                                Mebibytes(directory.most_bytes) + ", then events are refused",
                            "see to the worker and the database, which take them in"));
  }
}

}  // namespace

Findings CheckSpool(const SpoolSight& sight, TimePoint now) {
  Findings findings;
  for (const SpoolSight::Directory& directory : sight.directories) {
    CheckDirectory(findings, directory, now);
  }
  if (sight.free_bytes < 2 * sight.least_free_bytes) {
    findings.push_back(Warn(kCheck, "",
                            Mebibytes(sight.free_bytes) + " of the disk are free; below " +
                                Mebibytes(sight.least_free_bytes) +
                                " the spooler keeps nothing, below " +
                                Mebibytes(sight.least_free_of_worker) + " the worker neither",
                            "make room on it"));
  }
  if (sight.damaged_files > 0) {
    findings.push_back(Warn(
        kCheck, sight.damaged,
        std::to_string(sight.damaged_files) +
            (sight.damaged_files == 1 ? " damaged piece of a spool file was set aside"
                                      : " damaged pieces of spool files were set aside"),
        "look at the disk, and in the pieces for events that are lost (there are tokens in them); "
        "then remove them"));
  }
  if (findings.empty()) {
    std::uint64_t files = 0;
    for (const SpoolSight::Directory& directory : sight.directories) files += directory.files;
    findings.push_back(Ok(kCheck, "", "can be written; " + Waiting(files)));
  }
  return findings;
}

}  // namespace imrelay
