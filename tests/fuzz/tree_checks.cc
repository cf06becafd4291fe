#include "tests/fuzz/tree_checks.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/utf8.h"
#include "codec/form.h"
#include "codec/json.h"
#include "tests/fuzz/check.h"

namespace imrelay {
namespace {

int LevelsOf(const Tree& tree) {
  int levels = 0;
  for (const auto& [key, value] : tree.items()) levels = std::max(levels, LevelsOf(value));
  return tree.is_text() ? 0 : levels + 1;
}

int LeavesOf(const Tree& tree) {
  int leaves = 0;
  for (const auto& [key, value] : tree.items()) {
    leaves += value.items().empty() ? 1 : LeavesOf(value);
  }
  return leaves;
}

void CheckKeys(const Tree& tree) {
  Check(!tree.is_text() || tree.items().empty(), "a text has no entries");
  for (const auto& [key, value] : tree.items()) {
    Check(tree.Find(key) == &value, "a key is found where it stands, and stands once");
    CheckKeys(value);
  }
}

}  // namespace

bool NamesToken(std::string_view key) {
  static constexpr std::array<std::string_view, 6> kWords = {"token",  "auth_id", "refresh_id",
                                                             "secret", "app_sid", "password"};
  std::string lower(key);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return std::any_of(kWords.begin(), kWords.end(),
                     [&](std::string_view word) { return lower.find(word) != std::string::npos; });
}

bool HasTokenKey(const Tree& tree) {
  return std::any_of(tree.items().begin(), tree.items().end(), [](const Tree::Item& item) {
    return NamesToken(item.first) || HasTokenKey(item.second);
  });
}

bool Same(const Tree& a, const Tree& b) {
  if (a.is_text() != b.is_text() || a.text() != b.text()) return false;
  return std::equal(a.items().begin(), a.items().end(), b.items().begin(), b.items().end(),
                    [](const Tree::Item& x, const Tree::Item& y) {
                      return x.first == y.first && Same(x.second, y.second);
                    });
}

bool HasEmptyMap(const Tree& tree) {
  return std::any_of(tree.items().begin(), tree.items().end(), [](const Tree::Item& item) {
    const bool empty = !item.second.is_text() && item.second.items().empty();
    return empty || HasEmptyMap(item.second);
  });
}

bool IsUtf8(const Tree& tree) {
  return IsValidUtf8(tree.text()) &&
         std::all_of(tree.items().begin(), tree.items().end(), [](const Tree::Item& item) {
           return IsValidUtf8(item.first) && IsUtf8(item.second);
         });
}

Tree Pruned(const Tree& tree) {
  if (tree.is_text()) return tree;
  Tree pruned;
  for (const auto& [key, value] : tree.items()) {
    if (!NamesToken(key)) pruned.Set(key, Pruned(value));
  }
  pruned.DropEmptyMaps();
  return pruned;
}

void CheckTree(const Tree& tree) {
  Check(!tree.is_text(), "a body is a map");
  Check(LevelsOf(tree) <= kMaxLevels, "no tree is deeper than the limit");
  Check(LeavesOf(tree) <= kMaxKeys, "no tree has more values than the limit");
  CheckKeys(tree);
}

void CheckJson(const Tree& tree) {
  const std::string json = ToJson(tree);
  Check(IsValidUtf8(json), "a tree's JSON is valid UTF-8");
  // A list is no body, and what is no UTF-8 comes out as something else.
  if (tree.is_list() || !IsUtf8(tree) || HasEmptyMap(tree)) return;
  const Result<Tree> back = ParseJson(json);
  Check(back.has_value() && Same(*back, tree), "a tree comes back from its JSON");
  const Result<Tree> pretty = ParseJson(ToJson(tree, true));
  Check(pretty.has_value() && Same(*pretty, tree), "a tree comes back from its indented JSON");
}

}  // namespace imrelay
