#pragma once

#include <signal.h>

#include <string>

#include "base/result.h"

namespace imrelay {

// What every process that serves FastCGI does at its start.

// A core file would hold tokens and message texts: none is written of this process from now on.
void ForbidCoreFiles();

// As many descriptors as are allowed: a peer that stalls keeps one, and Debian's soft limit of
// 1,024 would be used up before the server turns such peers out.
void RaiseDescriptorLimit();

// Blocks the signals that tell the process to end, and returns them for sigwait. Called before any
// thread exists, so that only that wait takes them.
sigset_t BlockStopSignals();

// The socket to serve. `listen` is the value of --listen; empty takes the one this process
// inherited. Errors: kInvalidArgument with kUsageReason when `listen` is at fault; kUnavailable
// when the system refuses the socket.
inline constexpr const char* kUsageReason = "usage";
Result<int> ListenSocket(const std::string& listen);

}  // namespace imrelay
