#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "codec/tree.h"

namespace imrelay {

// Reads a JSON object into the tree that the same data would give as a form: numbers as their
// decimal text, true "1", false "0"; null, [] and {} leave no key behind, as PHP's
// http_build_query() leaves none. A key given twice: the last wins.
// Errors, all kInvalidArgument: bad_json, and the limits of codec/form.h.
Result<Tree> ParseJson(std::string_view body);

// The tree as JSON, as PHP's json_encode() writes it (lists as arrays, slashes and Unicode
// unescaped); ill-formed UTF-8 becomes U+FFFD. `pretty` indents by two blanks.
std::string ToJson(const Tree& tree, bool pretty = false);

// Writes one JSON text. Calls must nest properly; strings are made valid UTF-8.
class JsonWriter {
 public:
  explicit JsonWriter(bool pretty = false);
  ~JsonWriter();
  JsonWriter(JsonWriter&&) noexcept;
  JsonWriter& operator=(JsonWriter&&) noexcept;

  JsonWriter& BeginObject();
  JsonWriter& EndObject();
  JsonWriter& BeginArray();
  JsonWriter& EndArray();
  JsonWriter& Key(std::string_view name);
  JsonWriter& String(std::string_view value);
  JsonWriter& Integer(std::int64_t value);
  JsonWriter& Bool(bool value);
  JsonWriter& Null();
  // Writes `json`, which is one JSON text already, as a value.
  JsonWriter& Raw(std::string_view json);

  // The text so far. The writer is done.
  std::string Take();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace imrelay
