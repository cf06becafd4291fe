#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/keyring.h"
#include "ingest/ingest.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/temporary_directory.h"
#include "tests/store/raw_database.h"

namespace imrelay {

// A store with ingest before it and two proven portals. Whoever attacks it knows one of them
// wholly, the one of tests/data/wire, and of the other, the bystander, everything but its token:
// the bystander has the same lines, chats and messages. Ends the process where something goes
// wrong.
class AttackedRelay {
 public:
  AttackedRelay();

  // Makes everything as it was before the first attack. Opening another store would take far
  // longer.
  void Reset();

  // Posts a body; JSON when it begins with a brace.
  void Post(std::string_view body);

  // Proves every installation that waits, but refuses those of the bystander, and applies what
  // waited for them.
  void Prove();

  // Checks that nothing of the bystander changed, that the database is sound, that its texts are
  // valid UTF-8 and that no journalled body has a token's name in it.
  void CheckRows();

 private:
  void CheckFirst(BodyFormat format, std::string_view body, const Result<Committed>& received);

  TemporaryDirectory directory_;
  std::unique_ptr<SqliteStore> store_;
  RawDatabase raw_;
  std::string reset_;      // the statements that do it
  std::string untouched_;  // the bystander's rows
  FakeClock clock_;
  std::optional<Ingest> ingest_;
  bool first_ = true;
};

}  // namespace imrelay
