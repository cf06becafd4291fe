#include "web/answers.h"

#include <string>

#include "codec/body.h"
#include "codec/json.h"

namespace imrelay {
namespace {

std::string Sentence(std::string_view message) {
  std::string sentence(message);
  if (sentence.empty()) return sentence;
  if (sentence[0] >= 'a' && sentence[0] <= 'z') sentence[0] = static_cast<char>(sentence[0] - 32);
  if (sentence.back() != '.') sentence.push_back('.');
  return sentence;
}

}  // namespace

Response StatusAnswer(std::string_view status, std::string_view reason) {
  JsonWriter json;
  json.BeginObject().Key("status").String(status);
  if (!reason.empty()) json.Key("reason").String(reason);
  json.EndObject();
  Response response;
  response.body = json.Take();
  return response;
}

Response ProbeAnswer(std::string_view proof) {
  JsonWriter json;
  json.BeginObject().Key("status").String("ok").Key("probe").String(proof).EndObject();
  Response response;
  response.body = json.Take();
  return response;
}

Response ErrorAnswer(int status, std::string_view code, std::string_view message) {
  JsonWriter json;
  json.BeginObject().Key("error").String(code).Key("message").String(Sentence(message)).EndObject();
  Response response;
  response.status = status;
  response.body = json.Take();
  return response;
}

Response WrongMethodAnswer(std::string_view allow) {
  Response response =
      ErrorAnswer(405, "method_not_allowed", "this path takes only " + std::string(allow));
  response.headers.emplace_back("Allow", allow);
  return response;
}

std::optional<Refusal> RefuseUnread(const Request& request, TakenFormats formats) {
  using BodyState = Request::BodyState;
  if (request.body_state == BodyState::kNoLength) {
    return Refusal{411, "length_required", "the request needs a Content-Length"};
  }
  if (request.body_state == BodyState::kTooLarge) {
    return Refusal{413, "body_too_large", "the body is larger than 1 MiB"};
  }
  const std::optional<BodyFormat> format = FormatOf(request.content_type);
  if (formats == TakenFormats::kJson && format != BodyFormat::kJson) {
    return Refusal{415, "unsupported_media_type", "the body must be application/json"};
  }
  if (!format) {
    return Refusal{415, "unsupported_media_type",
                   "the body must be application/x-www-form-urlencoded or application/json"};
  }
  if (request.body_state == BodyState::kCut) {
    return Refusal{400, "incomplete_body", "the body is not as long as its Content-Length"};
  }
  return std::nullopt;
}

Response UnavailableAnswer(std::string_view code, std::string_view message) {
  Response response = ErrorAnswer(503, code, message);
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

Response TooManyAnswer(std::string_view code, std::string_view message) {
  Response response = ErrorAnswer(429, code, message);
  response.headers.emplace_back("Retry-After", "10");
  return response;
}

}  // namespace imrelay
