#include "codec/tree.h"

#include <algorithm>
#include <charconv>
#include <numeric>
#include <optional>

#include "codec/ascii.h"

namespace imrelay {
namespace {

// Smaller maps are searched one by one.
constexpr std::size_t kLargeMap = 16;

// The integer that PHP makes of a key: decimal text of a 64-bit number exactly as PHP would print
// it. "07", "-0", "+1" and "9223372036854775808" stay texts. Source: php/php-src,
// Zend/zend_hash.c, _zend_handle_numeric_str_ex().
std::optional<std::int64_t> IntegerKey(std::string_view key) {
  const std::string_view digits = key.substr(key.starts_with('-') ? 1 : 0);
  if (digits.empty() || digits.front() < '0' || digits.front() > '9') return std::nullopt;
  if (digits.front() == '0' && key.size() > 1) return std::nullopt;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), number);
  if (error != std::errc() || end != key.data() + key.size()) return std::nullopt;
  return number;
}

}  // namespace

Tree::Tree(std::string text) : is_text_(true), text_(std::move(text)) {}

std::vector<std::uint32_t>::const_iterator Tree::OrderedPlace(std::string_view key) const {
  return std::lower_bound(order_.begin(), order_.end(), key,
                          [this](std::uint32_t index, std::string_view wanted) {
                            return items_[index].first < wanted;
                          });
}

std::size_t Tree::IndexOf(std::string_view key) const {
  if (!order_.empty()) {
    const auto place = OrderedPlace(key);
    return place != order_.end() && items_[*place].first == key ? *place : kNotFound;
  }
  for (std::size_t i = 0; i < items_.size(); ++i) {
    if (items_[i].first == key) return i;
  }
  return kNotFound;
}

void Tree::SortOrder() {
  order_.clear();
  if (items_.size() <= kLargeMap) return;
  order_.resize(items_.size());
  std::iota(order_.begin(), order_.end(), 0U);
  std::sort(order_.begin(), order_.end(),
            [this](std::uint32_t a, std::uint32_t b) { return items_[a].first < items_[b].first; });
}

Tree& Tree::Add(std::string_view key, Tree value) {
  if (!order_.empty()) {
    order_.insert(OrderedPlace(key), static_cast<std::uint32_t>(items_.size()));
  }
  // Most maps have a handful of entries: not one after the other is moved to a larger place.
  if (items_.size() == items_.capacity())
    items_.reserve(std::max<std::size_t>(4, 2 * items_.size()));
  items_.emplace_back(std::string(key), std::move(value));
  if (order_.empty()) SortOrder();
  if (const auto number = IntegerKey(key); number && *number >= next_index_) {
    constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();
    next_index_ = *number < kLargest ? *number + 1 : kLargest;
  }
  return items_.back().second;
}

const Tree* Tree::Find(std::string_view key) const {
  const std::size_t index = IndexOf(key);
  return index == kNotFound ? nullptr : &items_[index].second;
}

Tree* Tree::FindMutable(std::string_view key) {
  const std::size_t index = IndexOf(key);
  return index == kNotFound ? nullptr : &items_[index].second;
}

const std::string* Tree::FindText(std::string_view key) const {
  const Tree* found = Find(key);
  return found != nullptr && found->is_text() ? &found->text() : nullptr;
}

const Tree* Tree::FindAnyCase(std::string_view key) const {
  if (const Tree* exact = Find(key)) return exact;
  for (const auto& [name, value] : items_) {
    if (EqualsAnyCase(name, key)) return &value;
  }
  return nullptr;
}

const std::string* Tree::FindTextAnyCase(std::string_view key) const {
  const Tree* found = FindAnyCase(key);
  return found != nullptr && found->is_text() ? &found->text() : nullptr;
}

Tree& Tree::Set(std::string_view key, Tree value) {
  if (is_text_) *this = Tree();
  const std::size_t index = IndexOf(key);
  if (index == kNotFound) return Add(key, std::move(value));
  items_[index].second = std::move(value);
  return items_[index].second;
}

Tree* Tree::Append(Tree value) {
  if (is_text_) *this = Tree();
  const bool first = next_index_ == std::numeric_limits<std::int64_t>::min();
  const std::string key = std::to_string(first ? 0 : next_index_);
  if (IndexOf(key) != kNotFound) return nullptr;
  return &Add(key, std::move(value));
}

void Tree::DropEmptyMaps() {
  const std::size_t dropped = std::erase_if(items_, [](const Item& item) {
    return !item.second.is_text() && item.second.items().empty();
  });
  if (dropped > 0) SortOrder();
}

bool Tree::is_list() const {
  if (is_text_) return false;
  for (std::size_t i = 0; i < items_.size(); ++i) {
    if (items_[i].first != std::to_string(i)) return false;
  }
  return true;
}

}  // namespace imrelay
