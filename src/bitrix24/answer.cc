#include "bitrix24/answer.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/utf8.h"
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

constexpr std::size_t kLongestRun = 20;
constexpr std::size_t kLongestSentence = 120;
constexpr const char* kLeftOut = "…";

bool IsOfRun(char c) {
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return letter || (c >= '0' && c <= '9') ||
         std::string_view("_-+/=.~%").find(c) != std::string_view::npos;
}

// The length of the quoted piece that `text` begins with, to the end where it is not closed; 0:
// none. An apostrophe within a word is no quote.
std::size_t QuotedAt(std::string_view text, bool in_word) {
  constexpr std::pair<std::string_view, std::string_view> kQuotes[] = {
      {"\"", "\""}, {"'", "'"}, {"`", "`"}, {"«", "»"}, {"“", "”"}, {"„", "“"}};
  for (const auto& [open, close] : kQuotes) {
    if (!text.starts_with(open) || (open == "'" && in_word)) continue;
    const std::size_t end = text.find(close, open.size());
    return end == std::string_view::npos ? text.size() : end + close.size();
  }
  return 0;
}

// Never within a character of UTF-8.
std::string CutAt(std::string text, std::size_t most) {
  if (text.size() <= most) return text;
  std::size_t end = most - std::string_view(kLeftOut).size();
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end) + kLeftOut;
}

}  // namespace

std::string ErrorWord(std::string_view text) {
  constexpr std::size_t kLongestWord = 40;
  std::string word;
  std::size_t run = 0;  // of letters and digits, like a token's
  for (const char c : text) {
    const bool upper = c >= 'A' && c <= 'Z';
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    const bool joins = c == '_' || c == '-';
    run = joins ? 0 : run + 1;
    if ((!upper && !plain && !joins) || run >= kLongestRun) return "refused";
    word.push_back(upper ? static_cast<char>(c - 'A' + 'a') : c);
  }
  return word.empty() || word.size() > kLongestWord ? "refused" : word;
}

std::string RedactedSentence(std::string_view sentence) {
  constexpr std::size_t kMostRead = 2000;
  const std::string read = ReplaceInvalidUtf8(sentence.substr(0, kMostRead));
  std::string_view text = read;
  std::string kept;
  std::string run;
  const auto end_run = [&] {
    kept += run.size() < kLongestRun ? run : kLeftOut;
    run.clear();
  };
  while (!text.empty()) {
    if (IsOfRun(text.front())) {
      run.push_back(text.front());
      text.remove_prefix(1);
      continue;
    }
    const bool in_word = !run.empty();
    end_run();
    if (const std::size_t quoted = QuotedAt(text, in_word); quoted > 0) {
      kept += kLeftOut;
      text.remove_prefix(quoted);
      continue;
    }
    const char c = text.front();
    kept.push_back(static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c);
    text.remove_prefix(1);
  }
  end_run();
  return CutAt(std::move(kept), kLongestSentence);
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
