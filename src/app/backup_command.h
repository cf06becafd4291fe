#pragma once

#include <string>

#include "app/command_line.h"
#include "app/commands.h"

namespace imrelay {

struct BackupOptions {
  std::string file;
  bool whole = false;  // hold every index against its table, too
  bool json = false;
};

// Runs `imrelay backup` and says how it ended. `config` is the value of --config.
Exit BackupCommand(const std::string& config, const BackupOptions& options, Streams& streams);

}  // namespace imrelay
