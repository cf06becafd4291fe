#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "bitrix24/answer.h"
#include "tests/fakes/fake_clock.h"

namespace imrelay {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

const TimePoint kNow = FakeClock().Now();  // 2026-03-17T12:00:00Z, 1773748800

CallResult Read(int status, const std::string& body,
                std::map<std::string, std::string> headers = {}) {
  return ReadPortalAnswer({status, std::move(headers), body}, kNow);
}

std::string ErrorBody(const std::string& word) { return R"({"error":")" + word + R"("})"; }

TEST_CASE("portal answer: each error of the documentation leads to its class, in any case") {
  struct Case {
    const char* error;
    std::vector<int> statuses;  // the documentation's and the source's
    Fault fault;
  };
  const std::vector<Case> cases = {
      {"expired_token", {401}, Fault::kToken},
      {"invalid_token", {401}, Fault::kToken},
      {"NO_AUTH_FOUND", {401}, Fault::kPermanent},
      {"insufficient_scope", {403, 401}, Fault::kForbidden},
      {"user_access_error", {403, 401}, Fault::kForbidden},
      {"authorization_error", {403, 401}, Fault::kForbidden},
      {"ACCESS_DENIED", {403, 401, 400}, Fault::kForbidden},
      {"APPLICATION_NOT_FOUND", {401}, Fault::kRemoved},
      {"CONNECTION_ERROR", {401}, Fault::kLater},
      {"WRONG_AUTH_TYPE", {403}, Fault::kForbidden},
      {"WRONG_LICENSE", {403}, Fault::kForbidden},
      {"QUERY_LIMIT_EXCEEDED", {503}, Fault::kLater},
      {"OVERLOAD_LIMIT", {503, 401}, Fault::kLater},
      {"OPERATION_TIME_LIMIT", {429}, Fault::kLater},
      {"PAYMENT_REQUIRED", {400, 402, 403}, Fault::kForbidden},
      {"ERROR_ARGUMENT", {400}, Fault::kPermanent},
      {"ERROR_CORE", {400}, Fault::kPermanent},
      {"NOT_ACTIVE_LINE", {400}, Fault::kPermanent},
      {"ERROR_EVENT_NOT_FOUND", {400}, Fault::kPermanent},
      {"INTERNAL_SERVER_ERROR", {500}, Fault::kLater},
      {"ERROR_UNEXPECTED_ANSWER", {500}, Fault::kLater},
      {"PORTAL_DELETED", {500, 403}, Fault::kForbidden},
      {"ERROR_METHOD_NOT_FOUND", {404}, Fault::kForbidden},
      {"INVALID_REQUEST", {401}, Fault::kPermanent},
      {"INVALID_CREDENTIALS", {401}, Fault::kForbidden},
      {"SOMETHING_NEW", {400, 401, 403, 404}, Fault::kPermanent},
  };
  for (const Case& c : cases) {
    CAPTURE(c.error);
    std::string lower;
    std::string upper;
    for (const char* letter = c.error; *letter != '\0'; ++letter) {
      lower.push_back(static_cast<char>(std::tolower(*letter)));
      upper.push_back(static_cast<char>(std::toupper(*letter)));
    }
    std::vector<int> statuses = c.statuses;
    statuses.push_back(200);  // errors come with 200 too
    for (const int status : statuses) {
      CAPTURE(status);
      for (const std::string& word : {lower, upper}) {
        const CallResult answer = Read(status, ErrorBody(word));

        REQUIRE_FALSE(answer.has_value());
        CHECK(answer.error().fault == c.fault);
        CHECK(answer.error().word == lower);
        CHECK_FALSE(answer.error().message.empty());
      }
    }
  }
}

TEST_CASE("portal answer: what the status decides when the word does not") {
  struct Case {
    int status;
    const char* body;
    Fault fault;
    const char* word;
  };
  const std::vector<Case> cases = {
      {500, R"({"error":"new_word"})", Fault::kLater, "new_word"},
      {503, R"({"error":"new_word"})", Fault::kLater, "new_word"},
      {429, R"({"error":"new_word"})", Fault::kLater, "new_word"},
      {408, R"({"error":"new_word"})", Fault::kLater, "new_word"},
      {400, "{\"error\":\"hostile\\nword with <blanks>\"}", Fault::kPermanent, "refused"},
      {400, R"({"error":{"a":"b"}})", Fault::kPermanent, "refused"},
      {400, R"({"error":""})", Fault::kPermanent, "refused"},
      {502, "<html>Bad Gateway</html>", Fault::kLater, "no_answer"},
      {404, "<html>Not Found</html>", Fault::kLater, "no_answer"},
      {200, "<html>Portal</html>", Fault::kLater, "no_answer"},
      {200, "", Fault::kLater, "no_answer"},
      {200, "{}", Fault::kLater, "no_answer"},
      {200, R"({"result":{"ADM)", Fault::kLater, "no_answer"},
      {200, R"({"result":true}{"x":1})", Fault::kLater, "no_answer"},
      {404, R"({"result":{"ADMIN":true}})", Fault::kLater, "no_answer"},
      {204, "", Fault::kLater, "no_answer"},
      {301, "", Fault::kMoved, "moved"},
      {302, "<html>moved</html>", Fault::kMoved, "moved"},
      {303, "", Fault::kMoved, "moved"},
      {307, "", Fault::kMoved, "moved"},
      {308, R"({"error":"expired_token"})", Fault::kMoved, "moved"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.status);
    CAPTURE(c.body);

    const CallResult answer = Read(c.status, c.body);

    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.error().fault == c.fault);
    CHECK(answer.error().word == c.word);
    CHECK(answer.error().not_before == std::nullopt);
  }
}

TEST_CASE("portal answer: an error inside an answer of 200, nested or not") {
  for (const char* body : {
           R"({"result":{"result":false,"error":"ICON_REQUIRED","error_description":"x"}})",
           R"({"result":false,"error":"ICON_REQUIRED","error_description":"x"})",
           R"({"result":{"error":"ICON_REQUIRED","error_description":"x"},"time":{"start":1}})",
       }) {
    CAPTURE(body);

    const CallResult answer = Read(200, body);

    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.error().fault == Fault::kPermanent);
    CHECK(answer.error().word == "icon_required");
  }
}

TEST_CASE("portal answer: the data of a method is no error") {
  for (const char* body : {
           R"({"result":{"LINE":1,"CONNECTOR":"c","ERROR":true,"CONFIGURED":true,"STATUS":false}})",
           R"({"result":{"result":true}})",
           R"({"result":{"SUCCESS":true,"DATA":{"RESULT":[{"SUCCESS":false,"ERRORS":["x"]}]}}})",
           R"({"result":{"error":"a user's text"},"time":{"start":1}})",
           R"({"result":false})",
           R"({"result":[],"time":{"start":1}})",
           R"({"result":null,"time":{"start":1}})",
           R"({"result":[]})",
           R"({"result":null})",
           R"({"time":{"start":1}})",
       }) {
    CAPTURE(body);

    CHECK(Read(200, body).has_value());
  }
}

TEST_CASE("portal answer: a handler that is bound already has a word of its own") {
  const CallResult bound = Read(400, R"({"error":"ERROR_CORE","error_description":)"
                                     R"("Unable to set event handler: Handler already binded"})");
  const CallResult other =
      Read(400, R"({"error":"ERROR_CORE","error_description":"Unable to set event handler: x"})");

  REQUIRE_FALSE(bound.has_value());
  CHECK(bound.error().word == "already_bound");
  CHECK(bound.error().fault == Fault::kPermanent);
  REQUIRE_FALSE(other.has_value());
  CHECK(other.error().word == "error_core");
}

TEST_CASE("portal answer: says when to come back where the server did") {
  const std::string blocked = R"({"error":"OPERATION_TIME_LIMIT","time":{"operating_reset_at":)";
  struct Case {
    int status;
    std::string body;
    std::map<std::string, std::string> headers;
    std::optional<TimePoint> not_before;
  };
  const std::vector<Case> cases = {
      {503, ErrorBody("QUERY_LIMIT_EXCEEDED"), {}, {}},
      {503, ErrorBody("QUERY_LIMIT_EXCEEDED"), {{"retry-after", "7"}}, kNow + seconds(7)},
      {429, "<html>", {{"retry-after", "7"}}, kNow + seconds(7)},
      {503, "", {{"retry-after", "Tue, 17 Mar 2026 12:00:30 GMT"}}, kNow + seconds(30)},
      {503, "", {{"retry-after", "Tue, 17 Mar 2026 11:00:30 GMT"}}, {}},
      {503, "", {{"retry-after", "Sun, 17 Mar 2030 12:00:30 GMT"}}, kNow + kLongestPause},
      {503, "", {{"retry-after", "9999999999"}}, kNow + kLongestPause},
      {503, "", {{"retry-after", "99999999999999999999999"}}, {}},
      {503, "", {{"retry-after", "0"}}, {}},
      {503, "", {{"retry-after", "-5"}}, {}},
      {503, "", {{"retry-after", "soon"}}, {}},
      {503, "", {{"retry-after", ""}}, {}},
      {503, "", {{"retry-after", "Tue, 17 Mar 2026 12:00:30 GMT; x"}}, {}},
      {401, ErrorBody("expired_token"), {{"retry-after", "7"}}, {}},
      {400, ErrorBody("ERROR_ARGUMENT"), {{"retry-after", "7"}}, {}},
      {429, ErrorBody("OPERATION_TIME_LIMIT"), {}, {}},
      {429, blocked + "1773749100}}", {}, kNow + minutes(5)},
      {429, blocked + "\"1773749100\"}}", {}, kNow + minutes(5)},
      {429, blocked + "1773749100.25}}", {}, kNow + minutes(5)},
      {429, blocked + "1773748799}}", {}, {}},
      {429, blocked + "32503679999}}", {}, kNow + kLongestPause},
      {429, blocked + "1e300}}", {}, {}},
      {429, blocked + "\"tomorrow\"}}", {}, {}},
      {429, blocked + "1773749100}}", {{"retry-after", "7"}}, kNow + minutes(5)},
      {429, blocked + "1773748803}}", {{"retry-after", "7"}}, kNow + seconds(7)},
      {503, ErrorBody("OVERLOAD_LIMIT"), {}, kNow + kLongestPause},
      {401, ErrorBody("OVERLOAD_LIMIT"), {{"retry-after", "7"}}, kNow + kLongestPause},
  };
  for (std::size_t i = 0; i < cases.size(); ++i) {
    CAPTURE(i);
    const Case& c = cases[i];

    const CallResult answer = Read(c.status, c.body, c.headers);

    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.error().not_before == c.not_before);
  }
}

TEST_CASE("portal answer: an answer beyond the limits is not asked for again") {
  std::string many = R"({"result":[1)";
  for (int i = 0; i < 4000; ++i) many += ",1";
  many += "]}";
  const std::string deep = R"({"result":)" + std::string(20, '[') + std::string(20, ']') + "}";
  const std::string large = R"({"result":")" + std::string(2 << 20, 'x') + "\"}";
  const std::vector<std::pair<std::string, const char*>> cases = {
      {many, "too_many_keys"}, {deep, "too_deep"}, {large, "body_too_large"}};
  for (const auto& one : cases) {
    const auto& body = one.first;
    const auto& word = one.second;
    CAPTURE(word);

    const CallResult answer = Read(200, body);

    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.error().fault == Fault::kPermanent);
    CHECK(answer.error().word == word);
  }
}

TEST_CASE("portal_answer: a refusal is told in the portal's own words, without what is secret") {
  const auto message_of = [](const std::string& body) {
    return ReadPortalAnswer({400, {}, body}, FromUnixSeconds(1773748800)).error().message;
  };
  CHECK(message_of(R"({"error":"ERROR_ARGUMENT","error_description":"Argument LINE is empty"})") ==
        "refused with error_argument, status 400: Argument LINE is empty");
  CHECK(message_of(R"({"error":"Wrong data: 17"})") == "refused with Wrong data: 17, status 400");
  CHECK(message_of(R"({"error":"X","error_description":"It doesn't take \"Dear sir\", 'no', "})") ==
        "refused with x, status 400: It doesn't take …, …, ");
  CHECK(message_of(R"({"error":"X","error_description":"\u00abDear sir and more"})") ==
        "refused with x, status 400: …");
  CHECK(message_of(R"({"error":"X","error_description":"token 0123456789abcdefABCD\nends"})") ==
        "refused with x, status 400: token … ends");
}

TEST_CASE("portal_answer: a sentence is cut between characters") {
  std::string long_one;
  for (int i = 0; i < 100; ++i) long_one += "ж";
  const std::string cut = RedactedSentence(long_one);
  CHECK(cut.size() <= 120);
  CHECK(cut == long_one.substr(0, 116) + "…");
}

TEST_CASE("portal_answer: a sentence is UTF-8 whatever bytes it came in") {
  CHECK(RedactedSentence("wrong \xed here") == "wrong \uFFFD here");
  // What is read of a very long one ends within a character.
  const std::string begun = RedactedSentence(std::string(1999, 'a') + "é");
  CHECK(begun == "…\uFFFD");
}

TEST_CASE("portal_answer: what could be a token is no word") {
  const std::string token = "5b00844001b0007cd181977d455de630432";
  CHECK(ErrorWord(token) == "refused");
  CHECK(ErrorWord("application_registration_error") == "application_registration_error");
  const CallResult answer = Read(400, ErrorBody(token));
  REQUIRE_FALSE(answer.has_value());
  CHECK(answer.error().word == "refused");
  CHECK(answer.error().message.find(token.substr(0, 8)) == std::string::npos);
}

}  // namespace
}  // namespace imrelay
