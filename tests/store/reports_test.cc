#include <doctest/doctest.h>

#include "tests/store/store_bench.h"

// The views that people look at, and the reports of the commands.

namespace imrelay {
namespace {

using What = ReportQuery::What;

ReportQuery QueryOf(What what) {
  ReportQuery query;
  query.what = what;
  return query;
}

Table ReportOf(StoreBench& bench, const ReportQuery& query) {
  Result<Table> table = bench.store().Report(query);
  REQUIRE(table.has_value());
  return *std::move(table);
}

// One column of every row, "-" for nothing.
std::string ColumnOf(const Table& table, const std::string& name) {
  std::string text;
  for (const auto& row : table.rows) {
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      if (table.columns[i] == name) text += (text.empty() ? "" : " ") + row[i].text.value_or("-");
    }
  }
  return text;
}

TEST_CASE("views: have the columns that people rely on, in this order") {
  StoreBench bench;
  RawDatabase raw(bench.path());

  CHECK(raw.ColumnsOf("lines") == "member_id, connector, line_id, status, updated_at");
  CHECK(raw.ColumnsOf("portals") ==
        "member_id, domain, client_endpoint, status, scope, installed_at, uninstalled_at, "
        "token_expires_at");
  CHECK(raw.ColumnsOf("messages") ==
        "member_id, connector, line_id, chat_id, message_id, external_chat_id, "
        "external_message_id, direction, created_at, updated_at, deleted_at, outcome");
  CHECK(raw.ColumnsOf("deliveries") ==
        "id, member_id, connector, line_id, kind, external_chat_id, external_message_id, state, "
        "attempts, due_at, last_error, created_at, finished_at");
  CHECK(raw.ColumnsOf("events") == "id, received_at, member_id, event, status, source");
}

TEST_CASE("views: can be read by a connection that may not write") {
  StoreBench bench;
  bench.Install("m1");
  RawDatabase raw("file:" + bench.path() + "?mode=ro");

  CHECK(bench.Show("SELECT count(*) FROM portals") == "1");
}

TEST_CASE("reports: name their columns even when there is no row") {
  StoreBench bench;

  const Table messages = ReportOf(bench, QueryOf(What::kMessages));

  CHECK(messages.rows.empty());
  REQUIRE(messages.columns.size() == 12);
  CHECK(messages.columns[0] == "member_id");
  CHECK(messages.columns[11] == "outcome");
}

TEST_CASE("reports: tell numbers, texts and what is unknown") {
  StoreBench bench;
  bench.Install("m1");
  REQUIRE(bench.Do("m1", Deleted(86501, {"0042"})) == "accepted");

  const Table table = ReportOf(bench, QueryOf(What::kMessages));

  REQUIRE(table.rows.size() == 1);
  CHECK(table.rows[0][4].text == "86501");
  CHECK(table.rows[0][4].number);
  CHECK(table.rows[0][6].text == "0042");
  CHECK_FALSE(table.rows[0][6].number);
  CHECK(!table.rows[0][7].text);
  CHECK(table.rows[0][10].text == "2026-03-17T12:00:00Z");
}

TEST_CASE("reports: every filter of messages filters") {
  StoreBench bench;
  bench.Install("m1");
  bench.Install("m2", 'b');
  REQUIRE(bench.Do("m1", Updated(1, {"a"})) == "accepted");
  REQUIRE(bench.Do("m1", Updated(2, {"b"}, PlaceOf("other"))) == "accepted");
  REQUIRE(bench.Do("m1", Updated(3, {"c"}, PlaceOf("conn", 8))) == "accepted");
  REQUIRE(bench.Do("m1", Updated(4, {"d"}, PlaceOf("conn", 7, "chat-2"))) == "accepted");
  MessageUpdated in_other_chat = Updated(5, {"e"});
  in_other_chat.chat_id = ChatId(1808);
  REQUIRE(bench.Do("m1", in_other_chat) == "accepted");
  REQUIRE(bench.Do("m2", Updated(6, {"a"})) == "accepted");
  const auto found = [&](auto set) {
    ReportQuery query = QueryOf(What::kMessages);
    set(query);
    return ColumnOf(ReportOf(bench, query), "message_id");
  };

  CHECK(found([](ReportQuery&) {}) == "6 5 4 3 2 1");
  CHECK(found([](ReportQuery& q) { q.member_id = "m2"; }) == "6");
  CHECK(found([](ReportQuery& q) { q.connector = "other"; }) == "2");
  CHECK(found([](ReportQuery& q) { q.line_id = 8; }) == "3");
  CHECK(found([](ReportQuery& q) { q.chat_id = 1808; }) == "5");
  CHECK(found([](ReportQuery& q) { q.message_id = 4; }) == "4");
  CHECK(found([](ReportQuery& q) { q.external_chat_id = "chat-2"; }) == "4");
  CHECK(found([](ReportQuery& q) { q.external_message_id = "a"; }) == "6 1");
  CHECK(found([](ReportQuery& q) {
          q.external_message_id = "a";
          q.member_id = "m1";
        }) == "1");
  CHECK(found([](ReportQuery& q) {
          q.message_id = 1;
          q.external_message_id = "b";
        }) == "");
  CHECK(found([](ReportQuery& q) { q.limit = 2; }) == "6 5");
}

TEST_CASE("reports: the newest deletions of one line and of no other") {
  StoreBench bench;
  bench.Install("m1");
  bench.Install("m2", 'b');
  REQUIRE(bench.Do("m1", Updated(1, {"kept"})) == "accepted");
  for (const std::int64_t message : {2, 4, 3}) {
    bench.clock.Advance(std::chrono::seconds(1));
    REQUIRE(bench.Do("m1", Deleted(message, {"x" + std::to_string(message)})) == "accepted");
  }
  REQUIRE(bench.Do("m1", Deleted(5, {"e"}, PlaceOf("conn", 8))) == "accepted");
  REQUIRE(bench.Do("m1", Deleted(6, {"f"}, PlaceOf("other"))) == "accepted");
  REQUIRE(bench.Do("m2", Deleted(7, {"g"})) == "accepted");
  ReportQuery query = QueryOf(What::kDeletions);
  query.member_id = "m1";
  query.connector = "conn";
  query.line_id = 7;

  CHECK(ColumnOf(ReportOf(bench, query), "message_id") == "3 4 2");
  CHECK(ColumnOf(ReportOf(bench, query), "external_message_id") == "x3 x4 x2");
  CHECK(ColumnOf(ReportOf(bench, query), "outcome") == "pending pending pending");
  query.limit = 2;
  CHECK(ColumnOf(ReportOf(bench, query), "message_id") == "3 4");
  query.line_id = 9;
  CHECK(ReportOf(bench, query).rows.empty());
}

TEST_CASE("reports: the lines of one portal") {
  StoreBench bench;
  bench.Install("m1");
  bench.Install("m2", 'b');
  REQUIRE(bench.Do("m1", Updated(1, {"a"}, PlaceOf("conn", 9))) == "accepted");
  REQUIRE(bench.Do("m1", Updated(2, {"b"}, PlaceOf("conn", 7))) == "accepted");
  REQUIRE(bench.Do("m2", Updated(3, {"c"}, PlaceOf("conn", 8))) == "accepted");
  ReportQuery query = QueryOf(What::kLines);
  query.member_id = "m1";

  CHECK(ColumnOf(ReportOf(bench, query), "line_id") == "7 9");
  CHECK(ColumnOf(ReportOf(bench, query), "status") == "active active");
}

TEST_CASE("reports: the events of a name that came after another") {
  StoreBench bench;
  bench.Install("m1");
  bench.Install("m2", 'b');
  REQUIRE(bench.Do("m1", Created(1)) == "accepted");
  REQUIRE(bench.Do("m2", Created(1)) == "accepted");
  REQUIRE(bench.Do("m1", Created(2)) == "accepted");
  ReportQuery query = QueryOf(What::kEventsAfter);
  query.member_id = "m1";
  query.event = "onTest";
  query.event_id = 2;

  CHECK(ColumnOf(ReportOf(bench, query), "id") == "5 3");
  query.event_id = 3;
  CHECK(ColumnOf(ReportOf(bench, query), "id") == "5");
  query.event_id = 5;
  CHECK(ReportOf(bench, query).rows.empty());
  query.event_id = 2;
  query.event = "OTHER";
  CHECK(ReportOf(bench, query).rows.empty());
}

TEST_CASE("reports: deliveries of one message, of its portal when that is named") {
  StoreBench bench;
  bench.Install("m1");
  bench.Install("m2", 'b');
  REQUIRE(bench.Do("m1", Created(1)) == "accepted");
  REQUIRE(bench.Do("m1", Deleted(1, {"a"})) == "accepted");
  REQUIRE(bench.Do("m1", Created(2)) == "accepted");
  REQUIRE(bench.Do("m2", Created(1)) == "accepted");
  ReportQuery query = QueryOf(What::kDeliveriesOfMessage);
  query.message_id = 1;

  CHECK(ColumnOf(ReportOf(bench, query), "kind") ==
        "message.created message.deleted message.created");
  query.member_id = "m1";
  CHECK(ColumnOf(ReportOf(bench, query), "kind") == "message.created message.deleted");
}

TEST_CASE("reports: events newest first, by portal, name and status") {
  StoreBench bench;
  bench.Install("m1");
  bench.Install("m2", 'b');
  REQUIRE(bench.Do("m1", Deleted(1, {"a"})) == "accepted");
  REQUIRE(bench.Do("m1", Deleted(1, {"a"})) == "ignored: already_deleted");
  ReportQuery query = QueryOf(What::kEvents);

  CHECK(ColumnOf(ReportOf(bench, query), "id") == "4 3 2 1");
  CHECK(ColumnOf(ReportOf(bench, query), "reason") == "already_deleted - - -");
  query.member_id = "m1";
  CHECK(ColumnOf(ReportOf(bench, query), "id") == "4 3 1");
  query.event = "onTest";
  CHECK(ColumnOf(ReportOf(bench, query), "id") == "4 3");
  query.status = "applied";
  CHECK(ColumnOf(ReportOf(bench, query), "id") == "3");
}

TEST_CASE("reports: an event with the body it was posted with") {
  StoreBench bench;
  bench.Install("m1");
  Plan plan = bench.PlanOf("m1", {Created(1)});
  plan.journal.body = "a=\xFF&b=1";
  plan.journal.reason = "1_elements_skipped";
  REQUIRE(bench.Commit(plan) == "accepted");
  ReportQuery query = QueryOf(What::kEvent);
  query.event_id = 2;

  const Table table = ReportOf(bench, query);

  CHECK(ColumnOf(table, "body") == "a=\xFF&b=1");
  CHECK(ColumnOf(table, "reason") == "1_elements_skipped");
  CHECK(ColumnOf(table, "status") == "applied");
  CHECK(ColumnOf(table, "ts") == "1773748800");
  query.event_id = 3;
  CHECK(ReportOf(bench, query).rows.empty());
}

TEST_CASE("reports: portals in order, and one with what there is to do") {
  StoreBench bench;
  const InstallationId id = bench.Post("m2", 'b');
  REQUIRE(WordOf(bench.store().PostponeInstallation(id, "not_configured", bench.clock.Now())) ==
          "done");
  bench.Install("m1");

  CHECK(ColumnOf(ReportOf(bench, QueryOf(What::kPortals)), "member_id") == "m1 m2");
  CHECK(ColumnOf(ReportOf(bench, QueryOf(What::kInstalledPortals)), "member_id") == "m1");
  ReportQuery query = QueryOf(What::kPortal);
  query.member_id = "m2";
  const Table pending = ReportOf(bench, query);
  CHECK(ColumnOf(pending, "to_do") == "installation not proven yet: not_configured");
  CHECK(ColumnOf(pending, "installations_waiting") == "1");
  CHECK(ColumnOf(pending, "events") == "1");
  CHECK(ColumnOf(pending, "last_event_at") == "2026-03-17T12:00:00Z");
  query.member_id = "m1";
  CHECK(ColumnOf(ReportOf(bench, query), "to_do") == "-");
  CHECK(ColumnOf(ReportOf(bench, query), "tokens_granted_at") == "2026-03-17T12:00:00Z");
  REQUIRE(RawDatabase(bench.path())
              .Execute("UPDATE portal SET status = 'dead', dead_reason = 'invalid_grant', "
                       "registration_problem = 'access_denied' WHERE member_id = 'm1'"));
  CHECK(ColumnOf(ReportOf(bench, query), "dead_reason") == "invalid_grant");
  CHECK(ColumnOf(ReportOf(bench, query), "registration_problem") == "access_denied");
  CHECK(ColumnOf(ReportOf(bench, QueryOf(What::kInstalledPortals)), "member_id") == "m1");
  REQUIRE(RawDatabase(bench.path())
              .Execute("UPDATE portal SET status = 'uninstalled' WHERE member_id = 'm1'"));
  CHECK(ReportOf(bench, QueryOf(What::kInstalledPortals)).rows.empty());
  query.member_id = "m3";
  CHECK(ReportOf(bench, query).rows.empty());
}

}  // namespace
}  // namespace imrelay
