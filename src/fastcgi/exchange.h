#pragma once

#include <cstddef>
#include <string>

#include "fastcgi/connection.h"
#include "web/http.h"

namespace imrelay {

// The request of a connection whose parameters were read. Reads the body to its end, so that the
// peer gets to read the answer, but stops at 4 MiB. Parameters longer than their limit are cut.
Request ReadRequest(Connection& connection, std::size_t max_body_bytes);

// The answer as CGI has it (RFC 3875, 6): Status, header lines, body. The answer to a HEAD is its
// header only.
std::string FormatResponse(const Response& response, bool head);

}  // namespace imrelay
