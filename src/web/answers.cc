#include "web/answers.h"

#include <string>

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

Response UnavailableAnswer(std::string_view code, std::string_view message) {
  Response response = ErrorAnswer(503, code, message);
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

}  // namespace imrelay
