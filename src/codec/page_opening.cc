#include "codec/page_opening.h"

#include <algorithm>
#include <charconv>

#include "codec/ascii.h"
#include "codec/form.h"
#include "codec/json.h"

namespace imrelay {
namespace {

constexpr std::size_t kLongestToken = 2048;
constexpr std::size_t kLongestId = 100;
constexpr std::size_t kLongestAddress = 255;
constexpr std::size_t kLongestLanguage = 10;
constexpr std::size_t kLongestPageToken = 4096;
constexpr std::size_t kLongestOptions = 8192;

bool IsPrintableAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

// The text of a field when it is one that Bitrix24 could have sent, else nothing.
std::string Find(const Tree& tree, std::string_view key, std::size_t longest) {
  const std::string* text = tree.FindText(key);
  if (text == nullptr || text->size() > longest || !IsPrintableAscii(*text)) return {};
  return *text;
}

std::int64_t NumberOf(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && number > 0 ? number : 0;
}

std::string FindLanguage(std::string_view query, const Tree& body) {
  std::string language = Find(body, "LANG", kLongestLanguage);
  if (language.empty()) {
    if (const Result<Tree> asked = ParseForm(query)) {
      language = Find(*asked, "LANG", kLongestLanguage);
    }
  }
  language = LowerAscii(language);
  const bool letters =
      std::all_of(language.begin(), language.end(), [](char c) { return c >= 'a' && c <= 'z'; });
  return letters ? language : std::string();
}

// PLACEMENT_OPTIONS is absent, "undefined", or JSON; a map where PHP-style keys came instead.
Tree OptionsOf(const Tree& body) {
  const Tree* options = body.Find("PLACEMENT_OPTIONS");
  if (options == nullptr) return {};
  if (!options->is_text()) return *options;
  if (options->text().size() > kLongestOptions) return {};
  Result<Tree> parsed = ParseJson(options->text());
  return parsed ? *std::move(parsed) : Tree();
}

}  // namespace

bool IsPageAction(const Tree& body) { return body.Find("page_token") != nullptr; }

Result<PostedOpening> DecodeOpening(std::string_view query, const Tree& body) {
  PostedOpening opening;
  opening.member_id = MemberId(Find(body, "member_id", kLongestId));
  opening.access_token = Secret(Find(body, "AUTH_ID", kLongestToken));
  if (opening.member_id.value().empty() || opening.access_token.empty()) {
    return Fail(ErrorCode::kInvalidArgument, "the page was not opened by Bitrix24", "bad_opening");
  }
  opening.refresh_token = Secret(Find(body, "REFRESH_ID", kLongestToken));
  opening.application_token = Secret(Find(body, "APPLICATION_TOKEN", kLongestToken));
  opening.server_endpoint = Find(body, "SERVER_ENDPOINT", kLongestAddress);
  opening.language = FindLanguage(query, body);

  const Tree options = OptionsOf(body);
  if (const std::string* connector = options.FindTextAnyCase("CONNECTOR")) {
    if (connector->size() <= kLongestId && IsPrintableAscii(*connector)) {
      opening.connector = ConnectorId(LowerAscii(*connector));
    }
  }
  if (const std::string* line = options.FindTextAnyCase("LINE")) {
    opening.line = LineId(NumberOf(*line));
  }
  return opening;
}

std::string LanguageAskedFor(std::string_view query) { return FindLanguage(query, Tree()); }

PostedAction DecodeAction(std::string_view query, const Tree& body) {
  PostedAction posted;
  posted.page_token = Find(body, "page_token", kLongestPageToken);
  posted.member_id = MemberId(Find(body, "member_id", kLongestId));
  posted.action = Find(body, "action", kLongestId);
  posted.after = NumberOf(Find(body, "after", kLongestId));
  posted.language = FindLanguage(query, body);
  return posted;
}

}  // namespace imrelay
