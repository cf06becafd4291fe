#pragma once

#include <memory>
#include <string>

struct sqlite3;

namespace imrelay {

// A connection of a test's own, beside the store's, as the sqlite3 shell would have one.
class RawDatabase {
 public:
  explicit RawDatabase(const std::string& path);

  // Runs statements. False when SQLite refuses one.
  bool Execute(const std::string& statements);

  // The rows of one query: columns joined by "|", rows by line breaks; NULL where there is nothing.
  std::string Show(const std::string& query);

  // The columns of a table or view, joined by ", ".
  std::string ColumnsOf(const std::string& table);

  // How SQLite would run a query, one step a line.
  std::string PlanOf(const std::string& query);

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  std::unique_ptr<sqlite3, Close> database_;
};

// The bytes of a file; "" when it is not there.
std::string BytesOf(const std::string& path);

}  // namespace imrelay
