#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace imrelay {

// Sets libfcgi up. Call before the first Connection, while no other thread runs this; repeating
// it does nothing. Leaves the process's handling of signals as it was, but for SIGPIPE, which is
// ignored from then on.
// False when libfcgi cannot be set up.
bool InitFastCgi();

// One accepted connection, which carries one request: libfcgi behind it. Everything that knows
// libfcgi, and the private fields of its request, is in the .cc of this class. Not thread-safe.
class Connection {
 public:
  // Takes over `fd`, a connected socket. Time-outs for reading and writing are the socket's.
  explicit Connection(int fd);
  ~Connection();  // closes the connection
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Reads the request up to its body. False when the peer sent no whole request header: nothing
  // can be answered then.
  bool ReadParameters();

  // A parameter's value ("" when there is none), cut at `longest` bytes.
  std::string Parameter(const char* name, std::size_t longest) const;

  // Reads body bytes until `size` are there, or the body ends, or the peer is gone. Returns how
  // many; see broken() for why there were fewer.
  std::size_t Read(char* to, std::size_t size);

  // The peer is gone, was silent for too long or broke the protocol.
  bool broken() const;

  // Sends the answer and ends the request. Nothing may be read or sent afterwards.
  void Answer(std::string_view text);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace imrelay
