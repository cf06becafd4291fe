#include <doctest/doctest.h>

#include "tests/store/store_bench.h"

// Ten million rows are a normal year, so what is asked often must not read a whole table.

namespace imrelay {
namespace {

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Whether a table is read whole.
bool Scans(const std::string& plan, const std::string& table) {
  return Contains(plan + "\n", "SCAN " + table + "\n");
}

TEST_CASE("indexes: a message is found by its number in Bitrix24") {
  StoreBench bench;
  RawDatabase raw(bench.path());

  for (const char* where :
       {"message_id = 86501", "member_id = 'm1' AND message_id = 86501",
        "member_id = 'm1' AND connector = 'c' AND line_id = 7 AND message_id = 86501"}) {
    CAPTURE(where);
    const std::string plan = raw.PlanOf(std::string("SELECT * FROM messages WHERE ") + where);
    CAPTURE(plan);
    CHECK(Contains(plan, "SEARCH m USING PRIMARY KEY (message_id=?"));
    CHECK_FALSE(Scans(plan, "m"));
  }
}

TEST_CASE("indexes: a message is found by its id in the channel") {
  StoreBench bench;
  RawDatabase raw(bench.path());

  for (const char* where :
       {"external_message_id = 'a'", "member_id = 'm1' AND external_message_id = 'a'",
        "external_chat_id = 'chat' AND external_message_id = 'a'"}) {
    CAPTURE(where);
    const std::string plan = raw.PlanOf(std::string("SELECT * FROM messages WHERE ") + where);
    CAPTURE(plan);
    CHECK(Contains(plan, "SEARCH m USING INDEX message_by_external_id"));
    CHECK_FALSE(Scans(plan, "m"));
    CHECK_FALSE(Scans(plan, "i"));
  }
}

TEST_CASE("indexes: the commands that name a message use them too") {
  StoreBench bench;
  RawDatabase raw(bench.path());
  std::string by_id = sql::kReportMessagesById.text;
  std::string by_external_id = sql::kReportMessagesByExternalId.text;

  CHECK_FALSE(Scans(raw.PlanOf(by_id), "m"));
  CHECK_FALSE(Scans(raw.PlanOf(by_external_id), "m"));
  CHECK_FALSE(Scans(raw.PlanOf(by_external_id), "i"));
}

TEST_CASE("indexes: a page reads no more of a line's deletions and of the journal than it shows") {
  StoreBench bench;
  RawDatabase raw(bench.path());

  const std::string deletions = raw.PlanOf(sql::kReportDeletions.text);
  const std::string events = raw.PlanOf(sql::kReportEventsAfter.text);

  CAPTURE(deletions);
  CHECK(Contains(deletions, "SEARCH m USING INDEX message_deleted (line_key=?"));
  CHECK_FALSE(Contains(deletions, "SCAN"));
  CHECK_FALSE(Contains(deletions, "TEMP B-TREE"));
  CAPTURE(events);
  CHECK_FALSE(Contains(events, "SCAN"));
  CHECK_FALSE(Contains(events, "TEMP B-TREE"));
}

TEST_CASE("indexes: nothing done for an event reads a whole table") {
  StoreBench bench;
  RawDatabase raw(bench.path());

  for (const sql::Query* query : {&sql::kPortalFind,
                                  &sql::kPortalRevision,
                                  &sql::kPortalForgetPreviousToken,
                                  &sql::kLineFind,
                                  &sql::kLineSetStatus,
                                  &sql::kLineDeleteAll,
                                  &sql::kLineOfAnyConnector,
                                  &sql::kChatFind,
                                  &sql::kMessageRows,
                                  &sql::kMessageFind,
                                  &sql::kMessageRemove,
                                  &sql::kEventFind,
                                  &sql::kOfflineEventFind,
                                  &sql::kEventsOfKeyRange,
                                  &sql::kMessageLastEdit,
                                  &sql::kMessageDeletionCameLate,
                                  &sql::kOfflineDueSoon,
                                  &sql::kOfflineEventsPrune,
                                  &sql::kReadbackEnd,
                                  &sql::kMessageSetUpdated,
                                  &sql::kMessageSetDeleted,
                                  &sql::kEventSetStatus,
                                  &sql::kEventApplyWaited,
                                  &sql::kEventStatus,
                                  &sql::kEventDropWaited,
                                  &sql::kEventsReject,
                                  &sql::kEventRejectInstallation,
                                  &sql::kEventsUnlinkPendingPortal,
                                  &sql::kEventsPruneRejected,
                                  &sql::kPortalRemove}) {
    const std::string plan = raw.PlanOf(query->text);
    CAPTURE(std::string(query->name));
    CAPTURE(plan);
    if (query == &sql::kEventsPruneRejected) {
      CHECK(Contains(plan, "SCAN event USING INDEX event_rejected"));
    } else {
      CHECK_FALSE(Contains(plan, "SCAN"));
    }
  }
}

TEST_CASE("indexes: looking for what waits does not read the journal") {
  StoreBench bench;
  RawDatabase raw(bench.path());

  const std::string plan = raw.PlanOf(sql::kEventsWaiting.text);

  CAPTURE(plan);
  CHECK(Contains(plan, "SEARCH e USING INDEX event_waiting"));
  CHECK_FALSE(Contains(plan, "SCAN e"));
}

TEST_CASE("indexes: no reference makes the removal of a row read a whole table") {
  StoreBench bench;
  RawDatabase raw(bench.path());

  // Without an index that begins with the referring column, SQLite reads all of the table for
  // every removed row. The table of installations is bounded.
  CHECK(raw.Show("SELECT t.name, f.\"from\" FROM sqlite_schema AS t "
                 "JOIN pragma_foreign_key_list(t.name) AS f "
                 "WHERE t.type = 'table' AND t.name <> 'installation' AND NOT EXISTS ("
                 "  SELECT 1 FROM pragma_index_list(t.name) AS i "
                 "  JOIN pragma_index_info(i.name) AS c "
                 "  WHERE i.partial = 0 AND c.seqno = 0 AND c.name = f.\"from\")") == "");
}

TEST_CASE("indexes: no row of an event is written by way of a table made for it") {
  StoreBench bench;
  RawDatabase raw(bench.path());

  // What a CHECK with an IN of more than two values comes to.
  for (const sql::Query* query : {&sql::kEventInsert, &sql::kMessageInsert, &sql::kDeliveryInsert,
                                  &sql::kMessageSetDeleted, &sql::kMessageFind}) {
    CAPTURE(std::string(query->name));
    const std::string program = raw.Show(std::string("EXPLAIN ") + query->text);
    REQUIRE(Contains(program, "Transaction"));
    CHECK_FALSE(Contains(program, "OpenEphemeral"));
  }
}

TEST_CASE("indexes: the outbox and what it does to a message read single rows") {
  StoreBench bench;
  RawDatabase raw(bench.path());

  for (const sql::Query* query :
       {&sql::kOutboxDue, &sql::kOutboxRead, &sql::kOutboxState, &sql::kOutboxEnd,
        &sql::kOutboxLeaseRanOut, &sql::kMessageCreatedFind, &sql::kDeliveryOfMessage,
        &sql::kUnnamedDeletionFind, &sql::kUpdatesName, &sql::kUpdatesCancel,
        &sql::kMessageNamingRows, &sql::kMessageName, &sql::kMessageSetUndeletable,
        &sql::kMessageIsDeleted, &sql::kMessageSetOutcome, &sql::kIncomingSetOutcome,
        &sql::kIncomingFind, &sql::kChatLane, &sql::kDeliveryRemoveUnnamedDeletion}) {
    CAPTURE(std::string(query->name));
    const std::string plan = raw.PlanOf(query->text);
    CAPTURE(plan);
    REQUIRE_FALSE(plan.empty());
    CHECK_FALSE(Contains(plan, "SCAN"));
    // Each of these holds many messages of one line, or of all.
    CHECK_FALSE(Contains(plan, "message_deleted"));
    CHECK_FALSE(Contains(plan, "message_by_external_id"));
    CHECK_FALSE(Contains(plan, "TEMP B-TREE"));
  }
}

TEST_CASE("indexes: a word that no column may have is refused") {
  StoreBench bench;
  bench.Install("m1");
  REQUIRE(bench.Do("m1", Deleted(1, {"a"})) == "accepted");
  RawDatabase raw(bench.path());

  for (const char* wrong :
       {"UPDATE event SET status = 'x'", "UPDATE event SET source = 'x'",
        "UPDATE delivery SET state = 'x'", "UPDATE message SET outcome = 'x'"}) {
    CAPTURE(wrong);
    CHECK_FALSE(raw.Execute(wrong));
  }
  for (const char* right :
       {"UPDATE event SET status = 'rejected'", "UPDATE event SET source = 'readback'",
        "UPDATE delivery SET state = 'cancelled'", "UPDATE message SET outcome = 'cancelled'"}) {
    CAPTURE(right);
    CHECK(raw.Execute(right));
  }
}

}  // namespace
}  // namespace imrelay
