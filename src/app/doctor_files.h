#pragma once

#include <string>
#include <vector>

#include "admin/doctor.h"
#include "base/result.h"

namespace imrelay {

// Where the service's files are.
struct ServiceFiles {
  std::vector<std::string> configuration;  // the file, and those it takes secrets from
  std::string key_file;
  std::string database;
};

// Who may read and write the files: nobody but the service. The owner of the database's folder is
// taken for the service's user; a file of somebody else's in it is what a command left that was
// run as root. Files that are missing are told of by other checks.
Findings CheckFiles(const ServiceFiles& files);

// The remedies of these findings. Each tells what it did. Errors: kUnavailable, with the reason.
Result<std::string> ChangeMode(const std::string& path, const std::string& octal);
Result<std::string> ChangeOwner(const std::string& path);
Result<std::string> MakeDirectory(const std::string& path);

// A socket that nginx connects to.
struct ServiceSocket {
  const char* check;   // what the doctor's line begins with
  const char* file;    // its name
  const char* unit;    // of systemd, without .socket
  const char* absent;  // what it means that there is none
};
inline constexpr ServiceSocket kWorkerSocket{"socket", "imrelay.sock", "imrelay",
                                             "there is none at its usual places"};
inline constexpr ServiceSocket kSpoolerSocket{
    "spooler", "spooler.sock", "imrelay-spooler",
    "there is none at its usual places: while no worker answers, events are refused"};

// The socket where this installation has it: beside the database, where scripts/run puts it, else
// in /run/imrelay; empty when it is at neither place.
std::string FindSocket(const std::string& database, const ServiceSocket& socket);

}  // namespace imrelay
