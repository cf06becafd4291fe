#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <utility>
#include <variant>

#include "base/utf8.h"
#include "codec/json.h"

namespace imrelay {
namespace {

using rapidjson::StringBuffer;

rapidjson::SizeType Size(const std::string& text) {
  return static_cast<rapidjson::SizeType>(text.size());
}

void Write(const Tree& tree, JsonWriter& writer) {
  if (tree.is_text()) {
    writer.String(tree.text());
    return;
  }
  if (tree.is_list()) {
    writer.BeginArray();
    for (const auto& [key, value] : tree.items()) Write(value, writer);
    writer.EndArray();
    return;
  }
  writer.BeginObject();
  for (const auto& [key, value] : tree.items()) {
    writer.Key(key);
    Write(value, writer);
  }
  writer.EndObject();
}

}  // namespace

struct JsonWriter::Impl {
  explicit Impl(bool pretty) {
    if (pretty) {
      writer.emplace<Pretty>(buffer).SetIndent(' ', 2);
    } else {
      writer.emplace<Plain>(buffer);
    }
  }

  // Calls one method of whichever writer it is: RapidJSON's two share no base that has them.
  template <class Call>
  void Do(Call call) {
    if (auto* pretty = std::get_if<Pretty>(&writer)) {
      call(*pretty);
    } else {
      call(std::get<Plain>(writer));
    }
  }

  using Plain = rapidjson::Writer<StringBuffer>;
  using Pretty = rapidjson::PrettyWriter<StringBuffer>;
  StringBuffer buffer;
  std::variant<std::monostate, Plain, Pretty> writer;
};

JsonWriter::JsonWriter(bool pretty) : impl_(std::make_unique<Impl>(pretty)) {}
JsonWriter::~JsonWriter() = default;
JsonWriter::JsonWriter(JsonWriter&&) noexcept = default;
JsonWriter& JsonWriter::operator=(JsonWriter&&) noexcept = default;

JsonWriter& JsonWriter::BeginObject() {
  impl_->Do([](auto& writer) { writer.StartObject(); });
  return *this;
}

JsonWriter& JsonWriter::EndObject() {
  impl_->Do([](auto& writer) { writer.EndObject(); });
  return *this;
}

JsonWriter& JsonWriter::BeginArray() {
  impl_->Do([](auto& writer) { writer.StartArray(); });
  return *this;
}

JsonWriter& JsonWriter::EndArray() {
  impl_->Do([](auto& writer) { writer.EndArray(); });
  return *this;
}

JsonWriter& JsonWriter::Key(std::string_view name) {
  const std::string valid = ReplaceInvalidUtf8(name);
  impl_->Do([&](auto& writer) { writer.Key(valid.data(), Size(valid), true); });
  return *this;
}

JsonWriter& JsonWriter::String(std::string_view value) {
  const std::string valid = ReplaceInvalidUtf8(value);
  impl_->Do([&](auto& writer) { writer.String(valid.data(), Size(valid), true); });
  return *this;
}

JsonWriter& JsonWriter::Integer(std::int64_t value) {
  impl_->Do([&](auto& writer) { writer.Int64(value); });
  return *this;
}

JsonWriter& JsonWriter::Bool(bool value) {
  impl_->Do([&](auto& writer) { writer.Bool(value); });
  return *this;
}

JsonWriter& JsonWriter::Null() {
  impl_->Do([](auto& writer) { writer.Null(); });
  return *this;
}

JsonWriter& JsonWriter::Raw(std::string_view json) {
  // The type only matters to RapidJSON's check that an object's names are strings.
  impl_->Do(
      [&](auto& writer) { writer.RawValue(json.data(), json.size(), rapidjson::kObjectType); });
  return *this;
}

std::string JsonWriter::Take() {
  return std::string(impl_->buffer.GetString(), impl_->buffer.GetSize());
}

std::string ToJson(const Tree& tree, bool pretty) {
  JsonWriter writer(pretty);
  Write(tree, writer);
  return writer.Take();
}

}  // namespace imrelay
