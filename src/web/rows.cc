#include "web/rows.h"

#include <algorithm>

namespace imrelay {

std::string CellOf(const Table& table, std::size_t row, std::string_view column) {
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i] == column) return table.rows[row][i].text.value_or(std::string());
  }
  return {};
}

void WriteRow(const Table& table, std::size_t row, std::initializer_list<std::string_view> columns,
              JsonWriter& json) {
  json.BeginObject();
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const std::string& name = table.columns[i];
    if (columns.size() != 0 && std::find(columns.begin(), columns.end(), name) == columns.end()) {
      continue;
    }
    json.Key(name);
    const Table::Cell& cell = table.rows[row][i];
    if (!cell.text) {
      json.Null();
    } else if (cell.number) {
      json.Raw(*cell.text);
    } else {
      json.String(*cell.text);
    }
  }
  json.EndObject();
}

}  // namespace imrelay
