#include "tests/fuzz/body_checks.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "codec/form.h"
#include "codec/form_name.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/tree_checks.h"

namespace imrelay {
namespace {

void CheckRefusal(BodyFormat format, std::string_view body, const Error& error) {
  Check(error.code == ErrorCode::kInvalidArgument, "a body is refused as invalid");
  const bool large = error.reason == "body_too_large";
  Check(large == (body.size() > kMaxBodyBytes), "a body is too large exactly above the limit");
  const bool broken = format == BodyFormat::kJson && error.reason == "bad_json";
  Check(large || broken || error.reason == "too_deep" || error.reason == "too_many_keys",
        "a refusal has one of the known reasons");
}

// The pairs of a form that mean something to PHP.
std::vector<std::string_view> PairsOf(std::string_view form) {
  std::vector<std::string_view> pairs;
  while (!form.empty()) {
    const std::string_view pair = form.substr(0, form.find('&'));
    if (!pair.empty()) pairs.push_back(pair);
    form.remove_prefix(std::min(pair.size() + 1, form.size()));
  }
  return pairs;
}

// Whether PHP could read a token's name out of it: it makes APP.SID and auth[id to APP_SID and
// auth_id.
bool CouldNameToken(std::string_view pair) {
  std::string name;
  DecodeUrl(pair.substr(0, pair.find('=')), name);
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == ' ' || c == '.' || c == '['; }, '_');
  return NamesToken(name);
}

void CheckKeptForm(std::string_view body, const Tree& tree, const std::string& kept) {
  const std::vector<std::string_view> pairs = PairsOf(body.substr(0, body.find('\0')));
  const std::vector<std::string_view> kept_pairs = PairsOf(kept);
  auto next = kept_pairs.begin();
  for (const std::string_view pair : pairs) {
    if (next != kept_pairs.end() && *next == pair) {
      ++next;
    } else {
      Check(CouldNameToken(pair), "only pairs with a token's name are left out");
    }
  }
  Check(next == kept_pairs.end(), "nothing is kept that was not posted");
  if (kept_pairs.size() < pairs.size()) return;
  const Result<Tree> again = ParseForm(kept);
  Check(again.has_value() && Same(*again, tree), "a form without tokens is kept as it is");
}

void CheckKeptJson(const Tree& tree, const std::string& kept) {
  Check(!kept.empty(), "a JSON body that can be read is kept");
  const Result<Tree> again = ParseBody(BodyFormat::kJson, kept);
  Check(again.has_value() && Same(*again, Pruned(tree)), "JSON is kept but for its tokens");
}

}  // namespace

std::optional<Tree> CheckBody(BodyFormat format, std::string_view body) {
  Result<Tree> tree = ParseBody(format, body);
  const std::string kept = WithoutTokens(format, body);
  Check(WithoutTokens(format, kept) == kept, "nothing more is left out the second time");
  Check(kept.empty() || FormatOfJournalled(kept) == format, "a kept body tells its format");
  if (!tree) {
    CheckRefusal(format, body, tree.error());
    return std::nullopt;
  }
  CheckTree(*tree);
  CheckJson(*tree);
  CheckJournalled(kept);
  if (format == BodyFormat::kForm) {
    CheckKeptForm(body, *tree, kept);
  } else {
    CheckKeptJson(*tree, kept);
  }
  return *std::move(tree);
}

void CheckJournalled(std::string_view kept) {
  const Result<Tree> tree = ParseBody(FormatOfJournalled(kept), kept);
  Check(tree.has_value(), "what is kept can be read");
  Check(!HasTokenKey(*tree), "no name in what is kept is a token's");
}

}  // namespace imrelay
