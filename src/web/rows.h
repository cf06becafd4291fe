#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>

#include "codec/json.h"
#include "store/report.h"

namespace imrelay {

// A cell's text; empty when it is unknown or there is no such column.
std::string CellOf(const Table& table, std::size_t row, std::string_view column);

// Writes a row as an object of `columns`, or of all when none is named: numbers as such, null for
// what is unknown.
void WriteRow(const Table& table, std::size_t row, std::initializer_list<std::string_view> columns,
              JsonWriter& json);

}  // namespace imrelay
