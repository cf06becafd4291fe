#include "tests/store/raw_database.h"

#include <sqlite3.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

namespace imrelay {
namespace {

std::string Column(sqlite3_stmt* row, int column) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(row, column));
  return text == nullptr ? "NULL" : text;
}

std::string Rows(sqlite3* database, const std::string& query, int first_column) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(database, query.c_str(), -1, &statement, nullptr) != SQLITE_OK) {
    return std::string("error: ") + sqlite3_errmsg(database);
  }
  std::string rows;
  while (sqlite3_step(statement) == SQLITE_ROW) {
    if (!rows.empty()) rows += '\n';
    for (int i = first_column; i < sqlite3_column_count(statement); ++i) {
      if (i > first_column) rows += '|';
      rows += Column(statement, i);
    }
  }
  return sqlite3_finalize(statement) == SQLITE_OK ? rows : "error: " + rows;
}

}  // namespace

void RawDatabase::Close::operator()(sqlite3* database) const { sqlite3_close_v2(database); }

RawDatabase::RawDatabase(const std::string& path) {
  sqlite3* raw = nullptr;
  if (sqlite3_open(path.c_str(), &raw) != SQLITE_OK) std::abort();
  sqlite3_busy_timeout(raw, 5000);
  database_.reset(raw);
}

bool RawDatabase::Execute(const std::string& statements) {
  return sqlite3_exec(database_.get(), statements.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK;
}

std::string RawDatabase::Show(const std::string& query) { return Rows(database_.get(), query, 0); }

std::string RawDatabase::ColumnsOf(const std::string& table) {
  return Show("SELECT group_concat(name, ', ') FROM pragma_table_info('" + table + "')");
}

std::string RawDatabase::PlanOf(const std::string& query) {
  return Rows(database_.get(), "EXPLAIN QUERY PLAN " + query, 3);
}

std::string BytesOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace imrelay
