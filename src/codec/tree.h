#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace imrelay {

// What a request body decodes to: a text, or an ordered map from key to tree, as PHP's arrays are.
// Bytes are kept as they came, valid UTF-8 or not. A plain value, copied whole.
class Tree {
 public:
  using Item = std::pair<std::string, Tree>;

  // An empty map.
  Tree() = default;
  explicit Tree(std::string text);

  bool is_text() const { return is_text_; }
  // The text; empty for a map.
  const std::string& text() const { return text_; }
  // The entries in insertion order; empty for a text.
  const std::vector<Item>& items() const { return items_; }

  // The entry of this very key, or null.
  const Tree* Find(std::string_view key) const;
  // The text of an entry, or null when there is none or it is a map.
  const std::string* FindText(std::string_view key) const;
  // The same without regard to ASCII case: Bitrix24 writes both CONNECTOR and connector. An exact
  // match wins.
  const Tree* FindAnyCase(std::string_view key) const;
  const std::string* FindTextAnyCase(std::string_view key) const;

  // Sets an entry in place, or appends it; a text becomes a map first. Keys are PHP's: "7" and 7
  // are the same key. Returns the entry, valid until the next change.
  Tree& Set(std::string_view key, Tree value);
  // Appends under the next free integer key, as `a[]=` does: one above the largest so far, 0 in a
  // map without integer keys. Null, and nothing is appended, when PHP_INT_MAX is taken.
  Tree* Append(Tree value);
  Tree* FindMutable(std::string_view key);
  // Removes the entries that are empty maps.
  void DropEmptyMaps();

  // True when the keys are 0, 1, … n-1 in this order: json_encode() writes such a map as a list.
  bool is_list() const;

 private:
  static constexpr std::size_t kNotFound = static_cast<std::size_t>(-1);

  std::size_t IndexOf(std::string_view key) const;
  // Where `key` stands, or belongs, in order_.
  std::vector<std::uint32_t>::const_iterator OrderedPlace(std::string_view key) const;
  Tree& Add(std::string_view key, Tree value);
  void SortOrder();

  bool is_text_ = false;
  std::string text_;
  std::vector<Item> items_;
  // The indexes of items_ sorted by key, kept for large maps only. Sorted and not hashed, so that
  // no choice of keys makes a look-up slow.
  std::vector<std::uint32_t> order_;
  // The smallest value means that there was no integer key yet, as nNextFreeElement in PHP.
  std::int64_t next_index_ = std::numeric_limits<std::int64_t>::min();
};

}  // namespace imrelay
