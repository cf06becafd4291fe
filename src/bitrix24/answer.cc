#include "bitrix24/answer.h"

#include <algorithm>
#include <iterator>

#include "codec/json.h"

namespace imrelay {
namespace {

constexpr std::string_view kLater[] = {"query_limit_exceeded",  "overload_limit",
                                       "operation_time_limit",  "connection_error",
                                       "internal_server_error", "error_unexpected_answer",
                                       "server_error",          "temporarily_unavailable"};

bool IsForLater(int status, std::string_view word) {
  // A portal that is gone says so with status 500.
  if (word == "portal_deleted") return false;
  return status >= 500 || status == 429 || status == 408 ||
         std::find(std::begin(kLater), std::end(kLater), word) != std::end(kLater);
}

}  // namespace

std::string ErrorWord(std::string_view text) {
  constexpr std::size_t kLongestWord = 40;
  std::string word;
  for (const char c : text) {
    const bool upper = c >= 'A' && c <= 'Z';
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    if (!upper && !plain) return "refused";
    word.push_back(upper ? static_cast<char>(c - 'A' + 'a') : c);
  }
  return word.empty() || word.size() > kLongestWord ? "refused" : word;
}

bool IsYes(std::string_view text) {
  constexpr std::string_view kYes[] = {"1", "true", "Y", "y"};
  return std::find(std::begin(kYes), std::end(kYes), text) != std::end(kYes);
}

Result<Tree> ReadAnswer(const HttpResponse& response) {
  const std::string status = "status " + std::to_string(response.status);
  Result<Tree> tree = ParseJson(response.body);
  if (!tree) {
    return Fail(ErrorCode::kUnavailable, "an answer that is no JSON, " + status, "no_answer");
  }
  if (const Tree* error = tree->FindAnyCase("error")) {
    const std::string word = ErrorWord(error->text());
    return Fail(
        IsForLater(response.status, word) ? ErrorCode::kUnavailable : ErrorCode::kUnauthenticated,
        "refused with " + word + ", " + status, word);
  }
  if (response.status != 200) {
    return Fail(ErrorCode::kUnavailable, "an answer with neither data nor error, " + status,
                "no_answer");
  }
  return tree;
}

}  // namespace imrelay
