#include "tests/portal/php_value.h"

#include <algorithm>
#include <cstdio>

namespace imrelay::stand_in {

PhpValue PhpValue::Map(std::initializer_list<Item> items) {
  PhpValue value;
  value.value_ = Array(items);
  return value;
}

PhpValue PhpValue::List(std::initializer_list<PhpValue> values) {
  PhpValue list = Map();
  for (const PhpValue& value : values) list.Append(value);
  return list;
}

PhpValue PhpValue::Of(const Tree& tree) {
  if (tree.is_text()) return PhpValue(tree.text());
  PhpValue value = Map();
  for (const auto& [key, item] : tree.items()) value.Set(key, Of(item));
  return value;
}

PhpValue& PhpValue::Set(std::string_view key, PhpValue value) {
  if (!is_array()) value_ = Array();
  if (PhpValue* found = Find(key)) return *found = std::move(value);
  Array& array = std::get<Array>(value_);
  array.emplace_back(std::string(key), std::move(value));
  return array.back().second;
}

PhpValue& PhpValue::Append(PhpValue value) {
  if (!is_array()) value_ = Array();
  Array& array = std::get<Array>(value_);
  array.emplace_back(std::to_string(array.size()), std::move(value));
  return array.back().second;
}

const PhpValue* PhpValue::Find(std::string_view key) const {
  for (const Item& item : items()) {
    if (item.first == key) return &item.second;
  }
  return nullptr;
}

PhpValue* PhpValue::Find(std::string_view key) {
  return const_cast<PhpValue*>(std::as_const(*this).Find(key));
}

const PhpValue::Array& PhpValue::items() const {
  static const Array kNone;
  return is_array() ? std::get<Array>(value_) : kNone;
}

std::string PhpValue::Text() const {
  if (const bool* flag = std::get_if<bool>(&value_)) return *flag ? "1" : "0";
  if (const auto* number = std::get_if<std::int64_t>(&value_)) return std::to_string(*number);
  if (const auto* real = std::get_if<double>(&value_)) {
    char text[40];
    std::snprintf(text, sizeof text, "%.6f", *real);
    return text;
  }
  if (const auto* text = std::get_if<std::string>(&value_)) return *text;
  return {};
}

std::string PhpValue::ToJson() const {
  JsonWriter json;
  Write(json);
  return json.Take();
}

void PhpValue::Write(JsonWriter& json) const {
  if (is_null()) {
    json.Null();
  } else if (const bool* flag = std::get_if<bool>(&value_)) {
    json.Bool(*flag);
  } else if (const auto* text = std::get_if<std::string>(&value_)) {
    json.String(*text);
  } else if (!is_array()) {
    json.Raw(Text());
  } else {
    std::size_t next = 0;
    const bool list = std::all_of(items().begin(), items().end(), [&](const Item& item) {
      return item.first == std::to_string(next++);
    });
    list ? json.BeginArray() : json.BeginObject();
    for (const auto& [key, value] : items()) {
      if (!list) json.Key(key);
      value.Write(json);
    }
    list ? json.EndArray() : json.EndObject();
  }
}

std::string PhpValue::BuildQuery() const {
  std::string query;
  for (const auto& [key, value] : items()) value.AppendQuery(UrlEncode(key), query);
  return query;
}

void PhpValue::AppendQuery(const std::string& name, std::string& query) const {
  if (is_null()) return;
  if (!is_array()) {
    if (!query.empty()) query += '&';
    query += name + '=' + UrlEncode(Text());
    return;
  }
  for (const auto& [key, value] : items()) {
    value.AppendQuery(name + "%5B" + UrlEncode(key) + "%5D", query);
  }
}

bool IsEmpty(const Tree* value) {
  if (value == nullptr) return true;
  return value->is_text() ? value->text().empty() || value->text() == "0" : value->items().empty();
}

std::string UrlEncode(std::string_view text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.';
    if (plain) {
      encoded += c;
    } else if (c == ' ') {
      encoded += '+';
    } else {
      encoded += '%';
      encoded += kDigits[byte >> 4];
      encoded += kDigits[byte & 15];
    }
  }
  return encoded;
}

}  // namespace imrelay::stand_in
