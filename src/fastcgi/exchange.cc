#include "fastcgi/exchange.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <exception>
#include <optional>
#include <string_view>
#include <utility>

#include "base/failpoint.h"

namespace imrelay {
namespace {

// nginx refuses longer request lines by itself (large_client_header_buffers).
constexpr std::size_t kLongestUri = 8192;
constexpr std::size_t kLongestContentType = 256;
constexpr std::size_t kLongestWord = 64;
constexpr std::size_t kMostDrained = 4 << 20;

struct Header {
  const char* parameter;
  const char* name;
  std::size_t longest;
};
// Limits above what any valid value has: one that was cut is still seen to be too long.
constexpr Header kHeaders[] = {
    {"HTTP_AUTHORIZATION", "authorization", 1024},
    {"HTTP_IDEMPOTENCY_KEY", "idempotency-key", 256},
    {"HTTP_X_TELEGRAM_BOT_API_SECRET_TOKEN", "x-telegram-bot-api-secret-token", 512},
};

// Digits only: no sign, no blanks. A number too large for the type counts as the largest.
std::optional<std::size_t> ParseLength(const std::string& text) {
  if (text.empty() || text.find_first_not_of("0123456789") != std::string::npos) {
    return std::nullopt;
  }
  std::size_t length = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), length);
  return parsed.ec == std::errc() ? length : static_cast<std::size_t>(-1);
}

void ThrowAwayBody(Connection& connection) {
  std::array<char, 16384> chunk;
  std::size_t drained = 0;
  while (drained < kMostDrained) {
    const std::size_t got = connection.Read(chunk.data(), chunk.size());
    drained += got;
    if (got < chunk.size()) return;
  }
}

Request::BodyState ReadBody(Connection& connection, std::size_t length, std::string& body) {
  body.resize(length);
  const std::size_t got = connection.Read(body.data(), length);
  // A read cut short by the peer or by a time-out is an error; a body that ended early, properly,
  // is only short.
  if (got != length || connection.broken()) {
    body.clear();
    return Request::BodyState::kCut;
  }
  char more = 0;
  if (connection.Read(&more, 1) != 0) {
    body.clear();
    ThrowAwayBody(connection);
    return Request::BodyState::kCut;
  }
  return Request::BodyState::kComplete;
}

std::string_view ReasonPhrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 202:
      return "Accepted";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 409:
      return "Conflict";
    case 411:
      return "Length Required";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    default:
      return "Status";
  }
}

// Not 500: of a 503 nginx hands an event to the spooler, and others are sent again.
Response NotHandled() {
  Response response;
  response.status = 503;
  response.headers = {{"Retry-After", "1"}};
  response.body = R"({"error":"internal","message":"The request could not be handled."})";
  return response;
}

}  // namespace

Request ReadRequest(Connection& connection, std::size_t max_body_bytes) {
  Request request;
  request.method = connection.Parameter("REQUEST_METHOD", kLongestWord);
  request.path = connection.Parameter("REQUEST_URI", kLongestUri);
  const std::size_t question = request.path.find('?');
  if (question != std::string::npos) {
    request.query = request.path.substr(question + 1);
    request.path.resize(question);
  }
  request.content_type = connection.Parameter("CONTENT_TYPE", kLongestContentType);
  request.content_length = connection.Parameter("CONTENT_LENGTH", kLongestWord);
  request.remote_address = connection.Parameter("REMOTE_ADDR", kLongestWord);
  for (const Header& header : kHeaders) {
    std::string value = connection.Parameter(header.parameter, header.longest);
    if (!value.empty()) request.headers[header.name] = std::move(value);
  }

  const std::optional<std::size_t> length = ParseLength(request.content_length);
  if (!length || *length > max_body_bytes) {
    ThrowAwayBody(connection);
    request.body_state = length ? Request::BodyState::kTooLarge : Request::BodyState::kNoLength;
    return request;
  }
  request.body_state = ReadBody(connection, *length, request.body);
  return request;
}

std::string FormatResponse(const Response& response, bool head) {
  std::string text = "Status: " + std::to_string(response.status) + ' ';
  text.append(ReasonPhrase(response.status)).append("\r\nContent-Type: ");
  text.append(response.content_type).append("\r\nContent-Length: ");
  text.append(std::to_string(response.body.size())).append("\r\n");
  for (const auto& [name, value] : response.headers) {
    text.append(name).append(": ").append(value).append("\r\n");
  }
  text.append("\r\n");
  if (!head) text.append(response.body);
  return text;
}

Exchange::Exchange(int fd, std::shared_ptr<InFlight> in_flight)
    : ticket_(std::move(in_flight)), connection_(fd) {}

Exchange::~Exchange() {
  if (!open_) return;
  try {
    Answer(NotHandled());
  } catch (const std::exception&) {
    // Out of memory: nginx says 502 when the connection closes.
  }
}

bool Exchange::Read(std::size_t max_body_bytes, Request& request) {
  if (!connection_.ReadParameters()) return false;
  open_ = true;
  request = ReadRequest(connection_, max_body_bytes);
  head_ = request.method == "HEAD";
  return true;
}

void Exchange::Answer(const Response& response) {
  if (!open_) return;
  Failpoint("fastcgi.before_answer");
  const std::string text = FormatResponse(response, head_);
  open_ = false;
  connection_.Answer(text);
}

}  // namespace imrelay
