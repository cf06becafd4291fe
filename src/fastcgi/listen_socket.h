#pragma once

#include <string>

#include "base/result.h"

namespace imrelay {

bool IsListening(int fd);

// The listening socket that whoever started this process left open: descriptor 0 (spawn-fcgi,
// multiwatch, systemd's StandardInput=socket), else 3 where LISTEN_FDS is at least 1 and
// LISTEN_PID, if set, is this process (sd_listen_fds(3)).
// Errors: kInvalidArgument when there is none.
Result<int> InheritedListenSocket();

// Opens the socket that --listen names, `unix:PATH` or `HOST:PORT` (`[::1]:9000` for IPv6). PATH
// gets mode 0660; a socket file there that nobody listens on is replaced. Whoever reaches the
// socket can post as if from any address, so HOST should be the loopback or a private network.
// Errors, which all name the value: kInvalidArgument when it is neither form; kConflict when
// someone listens there already, or PATH is another kind of file; kUnavailable when the system
// refuses.
Result<int> OpenListenSocket(const std::string& where);

}  // namespace imrelay
