#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace imrelay {

// A FastCGI web server's side of one connection, byte by byte: what nginx sends, and what it never
// would. Source: FastCGI Specification 1.0, sections 3 to 5.

enum class KeepConnection { kNo, kYes };

using Parameters = std::vector<std::pair<std::string, std::string>>;

// One record of request 1; `type` as in the specification, section 8.
std::string Record(int type, std::string_view content);

// The records of one request, up to and with the empty one that ends the stream.
std::string BeginRecord(KeepConnection keep = KeepConnection::kNo);
std::string ParameterRecords(const Parameters& parameters);
std::string BodyRecords(std::string_view body);
// The body without the empty record at its end.
std::string UnendedBody(std::string_view body);

// The parameters of a POST of `length` bytes to /bitrix24/event, as nginx gives them.
Parameters PostParameters(const std::string& length);
// A whole POST.
std::string PostRequest(std::string_view body, KeepConnection keep = KeepConnection::kNo);

struct Answer {
  bool ended = false;  // the request was ended by the protocol, and the connection then closed
  std::string status;  // "200 OK"; empty when there was no answer
  std::map<std::string, std::string> headers;
  std::string body;
};

class Client {
 public:
  explicit Client(const std::string& socket_path);  // connects
  explicit Client(int connected) : fd_(connected) {}
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool connected() const { return fd_ >= 0; }
  // False when the peer closed.
  bool Send(std::string_view bytes);
  void EndSending();  // the peer reads an end of file
  void Close();
  // Reads until the peer closes, or 10 s have passed.
  Answer Receive();

 private:
  int fd_ = -1;
};

}  // namespace imrelay
