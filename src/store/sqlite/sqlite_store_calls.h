#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "store/sqlite/sqlite_store.h"

// What the calls of SqliteStore are made of, for the files that define them.

namespace imrelay {

// Gives its connection back when it goes.
class SqliteStore::Reader {
 public:
  Reader(SqliteStore& store, std::unique_ptr<Database> database)
      : store_(&store), database_(std::move(database)) {}
  Reader(Reader&&) = default;
  Reader& operator=(Reader&&) = delete;
  ~Reader() {
    if (!database_) return;
    database_->ResetStatements();
    const std::lock_guard lock(store_->readers_mutex_);
    store_->readers_.push_back(std::move(database_));
  }

  Database& database() { return *database_; }

 private:
  SqliteStore* store_;
  std::unique_ptr<Database> database_;
};

template <class T, class Find>
Result<T> SqliteStore::ReadSnapshot(Find find) {
  Result<Reader> reader = Read();
  if (!reader) return Fail(std::move(reader).error());
  if (Status begun = reader->database().Execute("BEGIN"); !begun) {
    return Fail(std::move(begun).error());
  }
  Result<T> found = find(reader->database());
  reader->database().ResetStatements();
  if (Status ended = reader->database().Execute("COMMIT"); !ended) {
    return Fail(std::move(ended).error());
  }
  return found;
}

template <class T, class Job>
Result<T> SqliteStore::Write(Job job) {
  std::optional<T> made;
  const Writer::Job run = [&](Database& database) -> Status {
    Result<T> result = job(database);
    if (!result) return Fail(std::move(result).error());
    made = *std::move(result);
    return {};
  };
  if (Status done = writer_.Run(run); !done) return Fail(std::move(done).error());
  return *std::move(made);
}

}  // namespace imrelay
