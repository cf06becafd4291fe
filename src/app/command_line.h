#pragma once

#include <iosfwd>

namespace imrelay {

// The exit statuses of every command.
enum class Exit {
  kDone = 0,
  kFoundWrong = 1,      // done, and it found something wrong, or not what was asked for
  kUsage = 2,           // the command line is wrong; nothing was changed
  kUnavailable = 69,    // a database or server it needs is away
  kConfiguration = 78,  // the configuration is wrong; nothing was changed
};

// Runs the command that the arguments name. Prints data on `out`, errors on `err`. Called once a
// process: the worker blocks signals and opens sockets.
Exit RunCommandLine(int argc, const char* const* argv, std::istream& in, std::ostream& out,
                    std::ostream& err);

}  // namespace imrelay
