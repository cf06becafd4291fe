#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "store/sqlite/sqlite_store.h"
#include "store/store.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/temporary_directory.h"
#include "tests/store/raw_database.h"

namespace imrelay {

// What a store says to a plan; kConflict where it asks for another one.
Result<Committed> CommitTo(Store& store, Plan plan);
Status CheckReady(Store& store);

// A store with a clock, and short ways to say what the tests of every store say. What a store did
// is seen through its five views.
class StoreBench {
 public:
  Store& store() { return *store_; }
  SqliteStore& sqlite() { return *store_; }
  std::string path() const { return directory_.File("imrelay.db"); }

  // The rows of a query of the views; see RawDatabase::Show.
  std::string Show(const std::string& query) { return raw_.Show(query); }

  // A 32 byte hash, told apart by its letter.
  static TokenHash Token(char letter);
  // Another key at every call.
  EventKey FreshKey();

  // --- installations
  InstallationRequest Request(const std::string& member_id, char token);
  // Posts an installation.
  InstallationId Post(const std::string& member_id, char token);
  void Accept(InstallationId id, const std::string& member_id);
  // Posts and accepts, so that the portal is active.
  void Install(const std::string& member_id, char token = 'a');
  Portal PortalOf(const std::string& member_id);

  // --- events
  JournalEntry Entry(const std::string& name = "ONTEST");
  // A plan of a portal as it is now.
  Plan PlanOf(const std::string& member_id, std::vector<Change> changes);
  Plan WaitingPlan(const std::string& member_id, InstallationId id);
  // What the store says to a plan; "conflict" where it asks for another one.
  Result<Committed> CommitResult(Plan plan) { return CommitTo(store(), std::move(plan)); }
  // The same as a word: "accepted", "duplicate", "ignored: reason" or the error.
  std::string Commit(Plan plan);
  Result<Committed> Add(InstallationRequest request);
  std::string Do(const std::string& member_id, Change change) {
    return Commit(PlanOf(member_id, {std::move(change)}));
  }

  // Erases whatever is to be erased of portals.
  void FinishErasures();

  FakeClock clock;

 private:
  TemporaryDirectory directory_;
  std::unique_ptr<SqliteStore> store_ = Open(path());
  RawDatabase raw_{path()};
  std::uint32_t keys_ = 0;

  static std::unique_ptr<SqliteStore> Open(const std::string& path);
};

// What became of a commit, in a word or two.
std::string WordOf(const Result<Committed>& committed);
std::string WordOf(const Status& status);

// A place and the changes of the message in it.
Place PlaceOf(const std::string& connector = "conn", std::int64_t line = 7,
              const std::string& chat = "chat-1");
MessageCreated Created(std::int64_t message, Place place = PlaceOf());
MessageUpdated Updated(std::int64_t message, std::vector<std::string> ids, Place place = PlaceOf());
MessageDeleted Deleted(std::int64_t message, std::vector<std::string> ids, Place place = PlaceOf());

}  // namespace imrelay
