#include "channel/kept_answer.h"

#include <algorithm>

#include "base/result.h"
#include "base/utf8.h"
#include "codec/json.h"
#include "domain/delivery.h"

namespace imrelay {
namespace {

constexpr std::size_t kMostRead = 64 * 1024;
constexpr std::size_t kTokenLike = 20;
constexpr std::size_t kRepeated = 16;
constexpr std::string_view kCut = "…";

// Every text of a JSON answer, with its key: escaped as they came, texts could not be compared.
void Flatten(std::string_view key, const Tree& tree, std::string& flat) {
  if (tree.is_text()) {
    if (!flat.empty()) flat += "; ";
    flat.append(key).append(": ").append(tree.text());
    return;
  }
  for (const auto& [name, value] : tree.items()) Flatten(name, value, flat);
}

std::string Flat(std::string_view body) {
  const Result<Tree> tree = ParseJson(body);
  std::string flat;
  if (tree) {
    Flatten("", *tree, flat);
  } else if (body.find("\\u") == body.npos) {  // else it is escaped in a way we do not know
    flat = body;
  }
  return flat;
}

// The longest beginning of valid UTF-8 that has at most `most` bytes and ends with a character.
std::string_view Beginning(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0) == 0x80) --most;
  return text.substr(0, most);
}

// Every run of blanks and control characters as one blank, none at the ends.
std::string OneLine(std::string_view text) {
  std::string line;
  bool blank = false;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= ' ' || c == '\x7f') {
      blank = !line.empty();
      continue;
    }
    if (blank) line += ' ';
    blank = false;
    line += c;
  }
  return line;
}

bool IsTokenByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

std::string WithoutTokens(std::string_view text) {
  std::string kept;
  while (!text.empty()) {
    const auto end = std::find_if_not(text.begin(), text.end(), IsTokenByte);
    const auto length = static_cast<std::size_t>(end - text.begin());
    kept.append(length < kTokenLike ? text.substr(0, length) : kCut);
    if (length < text.size()) kept += text[length];
    text.remove_prefix(std::min(length + 1, text.size()));
  }
  return kept;
}

bool Repeats(std::string_view kept, std::string_view text) {
  const std::string line = OneLine(ReplaceInvalidUtf8(text));
  if (line.empty()) return false;
  if (line.size() <= kRepeated) return kept.find(line) != kept.npos;
  for (std::size_t i = 0; i + kRepeated <= kept.size(); ++i) {
    if (line.find(kept.substr(i, kRepeated)) != line.npos) return true;
  }
  return false;
}

}  // namespace

std::string KeptAnswer(std::string_view body, const std::vector<std::string_view>& texts) {
  const std::string line = OneLine(ReplaceInvalidUtf8(Flat(body.substr(0, kMostRead))));
  const std::string_view begin = Beginning(line, 2 * kMaxKeptAnswer);
  // Before anything is replaced, which would hide a repetition.
  for (const std::string_view text : texts) {
    if (Repeats(begin, text)) return {};
  }
  std::string kept = WithoutTokens(begin);
  if (kept.size() <= kMaxKeptAnswer) return kept;
  return std::string(Beginning(kept, kMaxKeptAnswer - kCut.size())).append(kCut);
}

}  // namespace imrelay
