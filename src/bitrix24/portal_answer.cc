#include <time.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>

#include "bitrix24/answer.h"
#include "codec/ascii.h"
#include "codec/json.h"

namespace imrelay {
namespace {

struct Word {
  std::string_view word;
  Fault fault;
};

// Whatever the status. What is not here is told by the status: see FaultOf.
constexpr Word kWords[] = {
    {"expired_token", Fault::kToken},
    {"invalid_token", Fault::kToken},
    {"query_limit_exceeded", Fault::kLater},
    {"overload_limit", Fault::kLater},
    {"operation_time_limit", Fault::kLater},
    {"connection_error", Fault::kLater},  // the portal does not reach the authorization server
    {"internal_server_error", Fault::kLater},
    {"error_unexpected_answer", Fault::kLater},
    {"application_not_found", Fault::kRemoved},
    {"portal_deleted", Fault::kForbidden},
    {"insufficient_scope", Fault::kForbidden},
    {"user_access_error", Fault::kForbidden},
    {"authorization_error", Fault::kForbidden},
    {"access_denied", Fault::kForbidden},
    {"wrong_auth_type", Fault::kForbidden},
    {"wrong_license", Fault::kForbidden},
    {"payment_required", Fault::kForbidden},
    {"error_method_not_found", Fault::kForbidden},  // not in the scope or the plan
    {"invalid_credentials", Fault::kForbidden},
    {"no_auth_found", Fault::kPermanent},
    {"invalid_request", Fault::kPermanent},
    {"error_argument", Fault::kPermanent},
    {"error_core", Fault::kPermanent},
    {"error_event_not_found", Fault::kPermanent},
    {"not_active_line", Fault::kPermanent},
};

Fault FaultOf(std::string_view word, int status) {
  const auto known = std::find_if(std::begin(kWords), std::end(kWords),
                                  [word](const Word& one) { return one.word == word; });
  if (known != std::end(kWords)) return known->fault;
  const bool passes = status >= 500 || status == 429 || status == 408;
  return passes ? Fault::kLater : Fault::kPermanent;
}

std::optional<long long> SecondsIn(std::string_view text) {
  long long seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  // A fraction may follow, nothing else.
  const bool whole = end == text.data() + text.size() || *end == '.';
  constexpr long long kYear3000 = 32503680000;
  if (error != std::errc() || !whole || seconds < 0 || seconds > kYear3000) return std::nullopt;
  return seconds;
}

// RFC 9110, 10.2.3: seconds, or a date, of which every server sends the form of 5.6.7 today.
std::optional<TimePoint> RetryAfter(const HttpResponse& response, TimePoint now) {
  const auto header = response.headers.find("retry-after");
  if (header == response.headers.end()) return std::nullopt;
  if (const auto seconds = SecondsIn(header->second)) {
    return now + std::min<std::chrono::seconds>(std::chrono::seconds(*seconds), kLongestPause);
  }
  tm date{};
  const char* const end = strptime(header->second.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return FromUnixSeconds(timegm(&date));
}

std::optional<TimePoint> OperatingReset(const Tree& answer) {
  const Tree* time = answer.Find("time");
  const std::string* reset = time == nullptr ? nullptr : time->FindText("operating_reset_at");
  const auto seconds = reset == nullptr ? std::nullopt : SecondsIn(*reset);
  if (!seconds) return std::nullopt;
  return FromUnixSeconds(*seconds);
}

// When a call that failed may be repeated, as far as the server said so.
std::optional<TimePoint> NotBefore(const HttpResponse& response, const CallError& error,
                                   const Tree& answer, TimePoint now) {
  if (error.fault != Fault::kLater) return std::nullopt;
  if (error.word == "overload_limit") return now + kLongestPause;
  std::optional<TimePoint> until = RetryAfter(response, now);
  if (error.word == "operation_time_limit") until = std::max(until, OperatingReset(answer));
  if (!until || *until <= now) return std::nullopt;
  return std::min<TimePoint>(*until, now + kLongestPause);
}

// The part of an answer that holds `error`, or null. imconnector.register nests it, together with
// a `result` that is false. An `error` that stands for itself in a result is a piece of data.
const Tree* Refusal(const Tree& answer) {
  if (answer.FindAnyCase("error") != nullptr) return &answer;
  const Tree* result = answer.Find("result");
  if (result == nullptr || result->Find("error") == nullptr) return nullptr;
  const std::string* nested = result->FindText("result");
  const bool refused = nested != nullptr ? *nested == "0" || nested->empty()
                                         : result->Find("error_description") != nullptr;
  return refused ? result : nullptr;
}

std::string WordOf(const Tree& refusal) {
  std::string word = ErrorWord(refusal.FindAnyCase("error")->text());
  const std::string* description = refusal.FindTextAnyCase("error_description");
  if (word == "error_core" && description != nullptr &&
      LowerAscii(*description).find("already binded") != std::string::npos) {
    return std::string(kAlreadyBound);
  }
  return word;
}

// What people read of a refusal: the portal's own word and sentence.
std::string SentenceOf(const Tree& refusal, const std::string& word, int status) {
  const std::string own = RedactedSentence(refusal.FindAnyCase("error")->text());
  std::string sentence = "refused with " + (word == "refused" && !own.empty() ? own : word) +
                         ", status " + std::to_string(status);
  const std::string* description = refusal.FindTextAnyCase("error_description");
  const std::string why = description == nullptr ? "" : RedactedSentence(*description);
  return why.empty() ? sentence : sentence + ": " + why;
}

CallError ErrorFor(const HttpResponse& response, const Tree& refusal, const Tree& answer,
                   TimePoint now) {
  CallError error;
  error.word = WordOf(refusal);
  error.fault = FaultOf(error.word, response.status);
  error.message = SentenceOf(refusal, error.word, response.status);
  error.not_before = NotBefore(response, error, answer, now);
  error.status = response.status;
  return error;
}

}  // namespace

CallResult ReadPortalAnswer(const HttpResponse& response, TimePoint now) {
  constexpr int kRedirects[] = {301, 302, 303, 307, 308};
  const std::string status = "status " + std::to_string(response.status);
  if (std::find(std::begin(kRedirects), std::end(kRedirects), response.status) !=
      std::end(kRedirects)) {
    return FailCall({Fault::kMoved, "moved", "the portal has another address, " + status});
  }
  Result<Tree> answer = ParseJson(response.body);
  if (!answer && answer.error().reason != "bad_json") {
    // It would be no smaller the next time.
    return FailCall({Fault::kPermanent, answer.error().reason, "an answer beyond our limits"});
  }
  if (!answer) {
    CallError error{Fault::kLater, "no_answer", "an answer that is no JSON, " + status};
    error.not_before = NotBefore(response, error, {}, now);
    error.status = response.status;
    return FailCall(std::move(error));
  }
  if (const Tree* refusal = Refusal(*answer)) {
    return FailCall(ErrorFor(response, *refusal, *answer, now));
  }
  // `result` may be gone from the tree, being empty; then `time` is there, or at least its name.
  const bool whole =
      !answer->items().empty() || response.body.find("\"result\"") != std::string::npos;
  if (response.status != 200 || !whole) {
    CallError error{Fault::kLater, "no_answer", "neither data nor error, " + status};
    error.not_before = NotBefore(response, error, *answer, now);
    error.status = response.status;
    return FailCall(std::move(error));
  }
  return *std::move(answer);
}

}  // namespace imrelay
