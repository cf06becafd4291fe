// How long the queries of README.md for one message take: the view, prepared once, SQLite's own
// settings. Usage: imrelay-lookup DATABASE < message ids, one a line
// Prints, in microseconds, p50 and p99 by message_id, then by external_message_id. Fails when an id
// is not found exactly once either way.
#include <sqlite3.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

[[noreturn]] void Die(const std::string& message) {
  std::fprintf(stderr, "imrelay-lookup: %s\n", message.c_str());
  std::exit(1);
}

struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
struct Close {
  void operator()(sqlite3* database) const { sqlite3_close(database); }
};

// One prepared query, and how long each of its look-ups took.
class Query {
 public:
  Query(sqlite3* database, const std::string& column)
      : text_("SELECT * FROM messages WHERE " + column + " = ?") {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(database, text_.c_str(), -1, &statement, nullptr) != SQLITE_OK)
      Die(text_ + ": " + sqlite3_errmsg(database));
    statement_.reset(statement);
    for (int i = 0; i < sqlite3_column_count(statement); ++i)
      if (std::string_view(sqlite3_column_name(statement, i)) == "external_message_id") column_ = i;
  }

  void Bind(sqlite3_int64 id) { sqlite3_bind_int64(statement_.get(), 1, id); }
  void Bind(const std::string& id) {
    sqlite3_bind_text(statement_.get(), 1, id.c_str(), -1, SQLITE_TRANSIENT);
  }

  // Runs it and returns the external id of the one message found.
  std::string Run() {
    using std::chrono::steady_clock;
    std::string external;
    int rows = 0;
    const steady_clock::time_point start = steady_clock::now();
    while (sqlite3_step(statement_.get()) == SQLITE_ROW) {
      ++rows;
      const void* text = sqlite3_column_text(statement_.get(), column_);
      if (text != nullptr) external = static_cast<const char*>(text);
    }
    sqlite3_reset(statement_.get());
    const std::chrono::duration<double, std::micro> taken = steady_clock::now() - start;
    if (rows != 1) Die(text_ + " found " + std::to_string(rows) + " messages");
    microseconds_.push_back(taken.count());
    return external;
  }

  double Percentile(std::size_t percent) {
    std::sort(microseconds_.begin(), microseconds_.end());
    return microseconds_[(microseconds_.size() - 1) * percent / 100];
  }

 private:
  std::string text_;
  int column_ = 0;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  std::vector<double> microseconds_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) Die("usage: imrelay-lookup DATABASE < message ids");
  sqlite3* opened = nullptr;
  const int status = sqlite3_open_v2(argv[1], &opened, SQLITE_OPEN_READONLY, nullptr);
  const std::unique_ptr<sqlite3, Close> database(opened);
  if (status != SQLITE_OK) Die(std::string(argv[1]) + ": " + sqlite3_errmsg(opened));

  Query by_id(database.get(), "message_id");
  Query by_external_id(database.get(), "external_message_id");
  std::vector<std::string> external_ids;
  for (sqlite3_int64 id = 0; std::cin >> id;) {
    by_id.Bind(id);
    external_ids.push_back(by_id.Run());
  }
  if (external_ids.empty()) Die("no ids");
  for (const std::string& id : external_ids) {
    by_external_id.Bind(id);
    by_external_id.Run();
  }
  std::printf("%.1f %.1f %.1f %.1f\n", by_id.Percentile(50), by_id.Percentile(99),
              by_external_id.Percentile(50), by_external_id.Percentile(99));
}
