#include "admin/delivery_reports.h"

#include <doctest/doctest.h>

#include "tests/store/channel_store_bench.h"

namespace imrelay {
namespace {

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

ReportQuery QueryOf(std::int64_t delivery) {
  ReportQuery query;
  query.delivery_id = delivery;
  return query;
}

TEST_CASE("delivery_reports: a delivery is shown with every attempt") {
  ChannelStoreBench bench;
  REQUIRE(bench.Do("m1", Deleted(11, {"a"})) == "accepted");
  REQUIRE(bench.raw().Execute(
      "INSERT INTO attempt VALUES (1, 1, 1773748800500, 32, 503, 'later', 'busy'), "
      "(1, 2, 1773748801500, 5000, NULL, 'later', NULL)"));

  const Output text = ShowDelivery(bench.store(), QueryOf(1), OutputFormat::kText).value();
  const Output json = ShowDelivery(bench.store(), QueryOf(1), OutputFormat::kJson).value();

  CHECK(Contains(text.text, "kind: message.deleted\n"));
  CHECK(Contains(text.text, "message_id: 11\n"));
  CHECK(Contains(text.text, "1       2026-03-17T12:00:00Z  32       503          later   busy\n"));
  CHECK(Contains(text.text, "2       2026-03-17T12:00:01Z  5000     -            later   -\n"));
  CHECK(Contains(json.text, "\"attempts\""));
  CHECK_FALSE(ShowDelivery(bench.store(), QueryOf(9), OutputFormat::kText)->found);
}

TEST_CASE("delivery_reports: the list takes every filter") {
  ChannelStoreBench bench;
  REQUIRE(bench.Do("m1", Deleted(11, {"a", "b"})) == "accepted");
  REQUIRE(bench.Do("m1", Created(12, PlaceOf("conn", 8))) == "accepted");
  bench.End(2, "failed");
  const auto count = [&](auto set) {
    ReportQuery query;
    query.what = ReportQuery::What::kDeliveries;
    set(query);
    return bench.store().Report(query)->rows.size();
  };

  CHECK(count([](ReportQuery&) {}) == 3);
  CHECK(count([](ReportQuery& query) { query.limit = 2; }) == 2);
  CHECK(count([](ReportQuery& query) { query.state = "failed"; }) == 1);
  CHECK(count([](ReportQuery& query) { query.state = "pending"; }) == 2);
  CHECK(count([](ReportQuery& query) { query.state = "leased"; }) == 0);
  CHECK(count([](ReportQuery& query) { query.state = "done"; }) == 0);
  CHECK(count([](ReportQuery& query) { query.message_id = 11; }) == 2);
  CHECK(count([](ReportQuery& query) { query.external_message_id = "b"; }) == 1);
  CHECK(count([](ReportQuery& query) { query.line_id = 8; }) == 1);
  CHECK(count([](ReportQuery& query) { query.kind = "message.created"; }) == 1);
  CHECK(count([](ReportQuery& query) { query.member_id = "nobody"; }) == 0);
  CHECK(count([](ReportQuery& query) {
          query.message_id = 11;
          query.state = "failed";
        }) == 1);
}

TEST_CASE("delivery_reports: the accounts add up, by line and day") {
  ChannelStoreBench bench;
  REQUIRE(bench.Do("m1", Created(1)) == "accepted");
  REQUIRE(bench.Do("m1", Created(2)) == "accepted");
  REQUIRE(bench.Do("m1", Deleted(3, {"a", "b"}, PlaceOf("conn", 8))) == "accepted");
  bench.End(1, "done");
  REQUIRE(
      bench.raw().Execute("UPDATE message SET outcome = 'gone' WHERE external_message_id = 'b'; "
                          "UPDATE message SET undeletable = 1 WHERE message_id = 1"));
  ReportQuery query;
  query.since = bench.clock.Now();

  const Output text = ShowAccounts(bench.store(), query, OutputFormat::kText).value();
  const Output json = ShowAccounts(bench.store(), query, OutputFormat::kJson).value();

  CAPTURE(text.text);
  CHECK(text.found);
  CHECK(Contains(text.text, "received is the sum of its ends everywhere\n"));
  CHECK(Contains(json.text, "\"balanced\": true"));
  query.since = bench.clock.Now() + std::chrono::days(1);
  CHECK_FALSE(Contains(ShowAccounts(bench.store(), query, OutputFormat::kText)->text, "m1"));
}

TEST_CASE("delivery_reports: what saw deletions first, and what the webhook missed") {
  ChannelStoreBench bench;
  const auto take = [&](EventSource source, std::int64_t message, const std::string& id) {
    Plan plan = bench.PlanOf("m1", {Deleted(message, {id})});
    plan.journal.source = source;
    return bench.Commit(plan);
  };
  REQUIRE(take(EventSource::kWebhook, 1, "a") == "accepted");
  REQUIRE(take(EventSource::kSpool, 2, "b") == "accepted");
  REQUIRE(take(EventSource::kOffline, 3, "c") == "accepted");
  REQUIRE(take(EventSource::kOffline, 4, "d") == "accepted");
  REQUIRE(take(EventSource::kReadback, 5, "e") == "accepted");
  REQUIRE(take(EventSource::kWebhook, 4, "d") == "ignored: already_deleted");

  const Output text = ShowAccounts(bench.store(), {}, OutputFormat::kText).value();
  const Output json = ShowAccounts(bench.store(), {}, OutputFormat::kJson).value();

  CAPTURE(text.text);
  CHECK(text.found);
  CHECK(Contains(text.text, "deletions, by what saw them first:\n"));
  const std::string totals = json.text.substr(json.text.find("\"totals\""));
  for (const char* sum : {"\"first_seen\": 5", "\"first_seen_webhook\": 1",
                          "\"first_seen_spool\": 1", "\"first_seen_offline\": 2",
                          "\"first_seen_readback\": 1", "\"webhook_missed\": 2"}) {
    CAPTURE(sum);
    CHECK(Contains(totals, sum));
  }
  // The rows go, the counts stay.
  REQUIRE(bench.raw().Execute("DELETE FROM event"));
  CHECK(ShowAccounts(bench.store(), {}, OutputFormat::kJson)->text == json.text);
}

TEST_CASE("delivery_reports: a lost deletion or message is found wrong") {
  for (const char* loss : {"UPDATE tally SET received = received + 1 WHERE what = 'deletion'",
                           "UPDATE tally SET received = received + 1 WHERE what = 'message'"}) {
    CAPTURE(loss);
    ChannelStoreBench bench;
    REQUIRE(bench.Do("m1", Created(1)) == "accepted");
    REQUIRE(bench.Do("m1", Deleted(3, {"a"})) == "accepted");
    REQUIRE(bench.raw().Execute(loss));

    const Output text = ShowAccounts(bench.store(), {}, OutputFormat::kText).value();
    const Output json = ShowAccounts(bench.store(), {}, OutputFormat::kJson).value();

    CHECK_FALSE(text.found);
    CHECK(Contains(text.text, "wrong: m1 conn 7 "));
    CHECK_FALSE(json.found);
    CHECK(Contains(json.text, "\"balanced\": false"));
  }
}

}  // namespace
}  // namespace imrelay
