#include "admin/table_text.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <vector>

#include "base/utf8.h"
#include "codec/json.h"

namespace imrelay {
namespace {

bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

// U+0080 to U+009F: some terminals take U+009B as the beginning of a command, as they do ESC [.
bool IsSecondControl(std::string_view rest) {
  return rest.size() >= 2 && rest[0] == '\xC2' && static_cast<unsigned char>(rest[1]) < 0xA0;
}

std::string Shown(const Table::Cell& cell) { return cell.text ? Printable(*cell.text) : "-"; }

// Columns on the screen: continuation bytes take no room.
std::size_t WidthOf(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

void WriteObject(JsonWriter& json, const Table& table, std::size_t row) {
  json.BeginObject();
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const Table::Cell& cell = table.rows[row][i];
    json.Key(table.columns[i]);
    if (!cell.text) {
      json.Null();
    } else if (cell.number) {
      std::int64_t value = 0;
      std::from_chars(cell.text->data(), cell.text->data() + cell.text->size(), value);
      json.Integer(value);
    } else {
      json.String(*cell.text);
    }
  }
  json.EndObject();
}

}  // namespace

std::string Printable(std::string_view hostile) {
  const std::string text = ReplaceInvalidUtf8(hostile);
  std::string printable;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool second = IsSecondControl(std::string_view(text).substr(i));
    printable += second || IsControl(text[i]) ? '?' : text[i];
    if (second) ++i;
  }
  return printable;
}

std::string TableText(const Table& table) {
  std::vector<std::vector<std::string>> lines{table.columns};
  for (const auto& row : table.rows) {
    std::vector<std::string>& line = lines.emplace_back();
    for (const Table::Cell& cell : row) line.push_back(Shown(cell));
  }
  std::vector<std::size_t> widths(table.columns.size(), 0);
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) {
      widths[i] = std::max(widths[i], WidthOf(line[i]));
    }
  }
  std::string text;
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) {
      text += line[i];
      if (i + 1 < line.size()) text.append(widths[i] - WidthOf(line[i]) + 2, ' ');
    }
    text += '\n';
  }
  return text;
}

std::string RecordText(const Table& table, std::size_t row) {
  std::string text;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const Table::Cell& cell = table.rows[row][i];
    if (cell.text) text += table.columns[i] + ": " + Shown(cell) + '\n';
  }
  return text;
}

std::string TableJson(const Table& table) {
  JsonWriter json(true);
  json.BeginArray();
  for (std::size_t row = 0; row < table.rows.size(); ++row) WriteObject(json, table, row);
  json.EndArray();
  return json.Take() + '\n';
}

std::string RecordJson(const Table& table, std::size_t row) {
  JsonWriter json(true);
  WriteObject(json, table, row);
  return json.Take() + '\n';
}

}  // namespace imrelay
