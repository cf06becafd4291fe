#pragma once

namespace imrelay {

// How much of its request a connection has brought so far.
enum class Arrival {
  kNothing,   // not a byte
  kPart,      // the rest is still to come
  kLarge,     // the rest is still to come, and more than 16 KiB wait to be read already
  kComplete,  // all of it, or something that no more bytes would make a request
};

// Looks at what has arrived on `fd`, a non-blocking socket, and takes none of it away. A peer that
// sends whole requests, as nginx does, is complete at the first look, or moments after.
// Source of the form: FastCGI Specification 1.0, 3.3 and 3.5: records of eight bytes and their
// content; a request ends with an empty record of the stream FCGI_STDIN.
Arrival LookAt(int fd);

}  // namespace imrelay
