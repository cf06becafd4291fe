#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace imrelay {

// One request as nginx handed it over, in strings of its own. Everything in it is hostile.
struct Request {
  std::string method;  // "POST"
  std::string path;    // of REQUEST_URI, without the query, not decoded
  std::string query;
  std::string content_type;
  std::string content_length;  // as sent: "", digits, or garbage
  std::string body;            // exactly content_length bytes, or empty (see `body_state`)
  std::string remote_address;
  // Names in lower case: authorization, idempotency-key and x-telegram-bot-api-secret-token, where
  // they were sent and nginx passes them, which it does at /channel/ only.
  std::map<std::string, std::string> headers = {};

  enum class BodyState {
    kComplete,  // content_length bytes were read and nothing followed
    kTooLarge,  // content_length is over the limit; the body was read and thrown away
    kCut,       // the peer went away, or sent more or less than it announced
    kNoLength,  // no content_length, or no number
  };
  BodyState body_state = BodyState::kComplete;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

// Gives the answer to one request. Called at most once, from any thread; a request whose Reply is
// gone uncalled is answered by a 500.
using Reply = std::function<void(Response)>;

}  // namespace imrelay
