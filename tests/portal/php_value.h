#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "codec/json.h"
#include "codec/tree.h"

namespace imrelay::stand_in {

// A value as the portal's PHP holds it: it keeps the types that a REST answer and the offline queue
// show, and that the form of an event loses. Arrays keep their order; an empty one is `[]` in JSON.
class PhpValue {
 public:
  using Item = std::pair<std::string, PhpValue>;
  using Array = std::vector<Item>;

  PhpValue() = default;  // null
  PhpValue(bool value) : value_(value) {}
  template <std::integral T>
  requires(!std::same_as<T, bool>) PhpValue(T value) : value_(static_cast<std::int64_t>(value)) {}
  PhpValue(double value) : value_(value) {}
  PhpValue(const char* text) : value_(std::string(text)) {}
  PhpValue(std::string text) : value_(std::move(text)) {}
  PhpValue(std::string_view text) : value_(std::string(text)) {}

  static PhpValue Map(std::initializer_list<Item> items = {});
  static PhpValue List(std::initializer_list<PhpValue> values = {});
  // Every leaf a text; maps with the keys 0, 1, … become lists.
  static PhpValue Of(const Tree& tree);

  // Sets an entry in place or appends it; anything else than an array becomes one.
  PhpValue& Set(std::string_view key, PhpValue value);
  PhpValue& Append(PhpValue value);
  const PhpValue* Find(std::string_view key) const;
  PhpValue* Find(std::string_view key);
  const Array& items() const;

  bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  bool is_array() const { return std::holds_alternative<Array>(value_); }
  // As PHP turns it into a text.
  std::string Text() const;

  std::string ToJson() const;
  // As PHP's http_build_query(): true is 1 and false is 0, null and an empty array leave nothing,
  // brackets are percent-encoded, a blank is "+".
  std::string BuildQuery() const;

 private:
  void Write(JsonWriter& json) const;
  void AppendQuery(const std::string& name, std::string& query) const;

  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array> value_;
};

// PHP's empty() of a request's value that is absent or a text: "" and "0" are empty, "N" is not.
bool IsEmpty(const Tree* value);

// Percent-encodes as PHP's urlencode() does.
std::string UrlEncode(std::string_view text);

}  // namespace imrelay::stand_in
