#include "tests/fuzz/answer_checks.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/utf8.h"
#include "domain/delivery.h"
#include "tests/fuzz/check.h"

namespace imrelay {
namespace {

constexpr std::size_t kTokenLike = 20;

bool IsLetterOrDigit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

Result<HttpResponse> AnswerOf(std::string_view input) {
  HttpResponse response;
  response.status = 200;
  const std::size_t line = std::min(input.find('\n'), input.size());
  const std::string_view head = input.substr(0, line);
  int status = 0;
  const auto [end, error] = std::from_chars(head.data(), head.data() + head.size(), status);
  std::string_view rest = head.substr(static_cast<std::size_t>(end - head.data()));
  if (error != std::errc() || status < 0 || status > 599) {
    response.body = input;
    return response;
  }
  if (status == 0) return Fail(ErrorCode::kUnavailable, "nobody listens");
  if (status == 1) return Fail(ErrorCode::kUnavailable, "nobody answers", "no_reply");
  response.status = std::max(status, 100);
  response.longer = rest.starts_with('+');
  if (response.longer) rest.remove_prefix(1);
  if (rest.starts_with(' ')) response.headers["retry-after"] = rest.substr(1);
  response.body = input.substr(std::min(line + 1, input.size()));
  return response;
}

}  // namespace

std::vector<Result<HttpResponse>> AnswersOf(std::string_view input, std::size_t most) {
  constexpr std::string_view kBetween = "\n\n";
  std::vector<Result<HttpResponse>> answers;
  while (answers.size() < most && (!input.empty() || answers.empty())) {
    const std::size_t end = std::min(input.find(kBetween), input.size());
    answers.push_back(AnswerOf(input.substr(0, end)));
    input.remove_prefix(std::min(end + kBetween.size(), input.size()));
  }
  return answers;
}

bool HasTokenLike(std::string_view text, std::string_view more) {
  std::size_t run = 0;
  for (const char c : text) {
    run = IsLetterOrDigit(c) || more.find(c) != more.npos ? run + 1 : 0;
    if (run >= kTokenLike) return true;
  }
  return false;
}

void CheckLine(std::string_view text, std::size_t most) {
  Check(text.size() <= most, "a sentence is no longer than its limit");
  Check(IsValidUtf8(text), "a sentence is valid UTF-8");
  Check(
      std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c == 0x7F; }),
      "a sentence stands on one line");
}

bool Repeats(std::string_view kept, std::string_view text, std::size_t length) {
  for (std::size_t i = 0; i + length <= kept.size(); ++i) {
    const std::string_view piece = kept.substr(i, length);
    // Blanks at a text's ends are none of it.
    if (piece.front() == ' ' || piece.back() == ' ') continue;
    if (text.find(piece) != text.npos) return true;
  }
  return false;
}

void CheckKept(std::string_view kept, std::string_view secret) {
  CheckLine(kept, kMaxKeptAnswer);
  Check(!HasTokenLike(kept, "_-"), "nothing that could be a secret is kept");
  Check(kept.find(secret) == kept.npos, "no secret is kept");
}

}  // namespace imrelay
