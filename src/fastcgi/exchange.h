#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "fastcgi/connection.h"
#include "fastcgi/in_flight.h"
#include "web/http.h"

namespace imrelay {

// The request of a connection whose parameters were read. Reads the body to its end, so that the
// peer gets to read the answer, but stops at 4 MiB. Parameters longer than their limit are cut.
Request ReadRequest(Connection& connection, std::size_t max_body_bytes);

// The answer as CGI has it (RFC 3875, 6): Status, header lines, body. The answer to a HEAD is its
// header only.
std::string FormatResponse(const Response& response, bool head);

// One request from its connection to its answer, which may come from any thread, but from one at a
// time. One that goes without an answer is answered by a 503, so that nginx hands an event to the
// spooler.
class Exchange {
 public:
  // Takes over `fd`, a connected socket.
  Exchange(int fd, std::shared_ptr<InFlight> in_flight);
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // The request; false when the peer sent none, and then nothing is answered.
  bool Read(std::size_t max_body_bytes, Request& request);
  // Sends the answer. A second one is dropped.
  void Answer(const Response& response);

 private:
  const InFlight::Ticket ticket_;
  Connection connection_;
  bool open_ = false;
  bool head_ = false;
};

}  // namespace imrelay
