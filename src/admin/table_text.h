#pragma once

#include <string>
#include <string_view>

#include "store/report.h"

namespace imrelay {

// One line of text with its control characters as "?", so that a hostile value cannot act on the
// terminal or begin a line of its own.
std::string Printable(std::string_view text);

// Rows under their column names, aligned, and printable. Ends with a line break.
std::string TableText(const Table& table);

// One row as "name: value" lines; unknown values are left out.
std::string RecordText(const Table& table, std::size_t row);

// A JSON list of objects; numbers as numbers, unknown values as null.
std::string TableJson(const Table& table);

// One row as a JSON object.
std::string RecordJson(const Table& table, std::size_t row);

}  // namespace imrelay
