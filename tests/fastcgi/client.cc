#include "tests/fastcgi/client.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace imrelay {
namespace {

constexpr std::size_t kHeaderSize = 8;
constexpr std::size_t kLongestRecord = 65535;
constexpr int kBegin = 1;
constexpr int kEnd = 3;
constexpr int kParams = 4;
constexpr int kStdin = 5;
constexpr int kStdout = 6;

unsigned Byte(const std::string& text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

std::string EncodedLength(std::size_t length) {
  if (length < 128) return std::string(1, static_cast<char>(length));
  std::string encoded;
  for (const int shift : {24, 16, 8, 0}) {
    encoded.push_back(static_cast<char>((length >> shift) & 0xFF));
  }
  encoded[0] = static_cast<char>(Byte(encoded, 0) | 0x80);
  return encoded;
}

std::string Stream(int type, std::string_view content) {
  std::string records;
  for (std::size_t at = 0; at < content.size(); at += kLongestRecord) {
    records += Record(type, content.substr(at, kLongestRecord));
  }
  return records;
}

// Parts a CGI answer into its status, header and body.
void Part(const std::string& text, Answer& answer) {
  std::size_t at = 0;
  while (true) {
    const std::size_t end = text.find("\r\n", at);
    if (end == std::string::npos) return;
    const std::string line = text.substr(at, end - at);
    at = end + 2;
    if (line.empty()) break;
    const std::size_t colon = line.find(": ");
    if (colon == std::string::npos) return;
    answer.headers[line.substr(0, colon)] = line.substr(colon + 2);
  }
  answer.status = answer.headers["Status"];
  answer.body = text.substr(at);
}

}  // namespace

std::string Record(int type, std::string_view content) {
  std::string record = {1, static_cast<char>(type), 0, 1};
  record.push_back(static_cast<char>(content.size() >> 8));
  record.push_back(static_cast<char>(content.size() & 0xFF));
  record.append(2, '\0');
  return record.append(content);
}

std::string BeginRecord(KeepConnection keep) {
  const char flags = keep == KeepConnection::kYes ? 1 : 0;
  return Record(kBegin, std::string{0, 1, flags, 0, 0, 0, 0, 0});
}

std::string ParameterRecords(const Parameters& parameters) {
  std::string pairs;
  for (const auto& [name, value] : parameters) {
    pairs += EncodedLength(name.size()) + EncodedLength(value.size()) + name + value;
  }
  return Stream(kParams, pairs) + Record(kParams, "");
}

std::string UnendedBody(std::string_view body) { return Stream(kStdin, body); }

std::string BodyRecords(std::string_view body) { return UnendedBody(body) + Record(kStdin, ""); }

Parameters PostParameters(const std::string& length) {
  return {{"REQUEST_METHOD", "POST"},
          {"REQUEST_URI", "/bitrix24/event"},
          {"CONTENT_TYPE", "application/x-www-form-urlencoded"},
          {"CONTENT_LENGTH", length},
          {"REMOTE_ADDR", "192.0.2.7"}};
}

std::string PostRequest(std::string_view body, KeepConnection keep) {
  return BeginRecord(keep) + ParameterRecords(PostParameters(std::to_string(body.size()))) +
         BodyRecords(body);
}

Client::Client(const std::string& socket_path) : fd_(socket(AF_UNIX, SOCK_STREAM, 0)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socket_path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) Close();
}

Client::~Client() { Close(); }

bool Client::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

void Client::EndSending() { shutdown(fd_, SHUT_WR); }

void Client::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

Answer Client::Receive() {
  const timeval patience{.tv_sec = 10, .tv_usec = 0};
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  std::string bytes;
  std::array<char, 4096> chunk;
  ssize_t got = 0;
  while ((got = recv(fd_, chunk.data(), chunk.size(), 0)) > 0) {
    bytes.append(chunk.data(), static_cast<std::size_t>(got));
  }

  Answer answer;
  std::string text;
  std::size_t at = 0;
  while (at + kHeaderSize <= bytes.size()) {
    const unsigned type = Byte(bytes, at + 1);
    const std::size_t length = Byte(bytes, at + 4) << 8 | Byte(bytes, at + 5);
    if (type == kStdout) text.append(bytes, at + kHeaderSize, length);
    if (type == kEnd) answer.ended = got == 0;
    at += kHeaderSize + length + Byte(bytes, at + 6);
  }
  Part(text, answer);
  return answer;
}

}  // namespace imrelay
