#include "admin/reports.h"

#include <doctest/doctest.h>

#include "tests/store/store_bench.h"

namespace imrelay {
namespace {

using What = ReportQuery::What;

ReportQuery QueryOf(What what) {
  ReportQuery query;
  query.what = what;
  return query;
}

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("reports: a list without rows is no failure") {
  StoreBench bench;

  const Result<Output> text =
      ListReport(bench.store(), QueryOf(What::kPortals), OutputFormat::kText);
  const Result<Output> json =
      ListReport(bench.store(), QueryOf(What::kPortals), OutputFormat::kJson);

  REQUIRE(text.has_value());
  REQUIRE(json.has_value());
  CHECK(text->found);
  CHECK(text->text ==
        "member_id  domain  status  installed_at  uninstalled_at  token_expires_at\n");
  CHECK(json->text == "[]\n");
}

TEST_CASE("reports: one that is not there is told so") {
  StoreBench bench;
  ReportQuery query = QueryOf(What::kEvent);
  query.event_id = 7;

  const Result<Output> text =
      ShowReport(bench.store(), query, OutputFormat::kText, "no such event");
  const Result<Output> json =
      ShowReport(bench.store(), query, OutputFormat::kJson, "no such event");

  REQUIRE(text.has_value());
  REQUIRE(json.has_value());
  CHECK_FALSE(text->found);
  CHECK(text->text == "no such event\n");
  CHECK_FALSE(json->found);
  CHECK(json->text == "null\n");
}

TEST_CASE("reports: a message is shown with its rows and its deliveries") {
  StoreBench bench;
  bench.Install("m1");
  REQUIRE(bench.Do("m1", Updated(86501, {"a", "b"})) == "accepted");
  REQUIRE(bench.Do("m1", Deleted(86501, {"a"})) == "accepted");
  ReportQuery query;
  query.message_id = 86501;

  const Result<Output> text = ShowMessage(bench.store(), query, OutputFormat::kText);
  const Result<Output> json = ShowMessage(bench.store(), query, OutputFormat::kJson);

  REQUIRE(text.has_value());
  CHECK(text->found);
  CHECK(Contains(text->text, "external_message_id: a\ndirection: out\n"));
  CHECK(Contains(text->text, "external_message_id: b\ndirection: out\n"));
  CHECK(Contains(text->text, "outcome: pending\n"));
  CHECK(Contains(text->text, "deliveries:\nid  member_id"));
  CHECK(Contains(text->text, "message.deleted"));
  REQUIRE(json.has_value());
  CHECK(Contains(json->text, "\"rows\": ["));
  CHECK(Contains(json->text, "\"message_id\": 86501"));
  CHECK(Contains(json->text, "\"deliveries\": ["));
  CHECK(json->text.ends_with("}\n"));

  query.message_id = 86502;
  const Result<Output> none = ShowMessage(bench.store(), query, OutputFormat::kText);
  REQUIRE(none.has_value());
  CHECK_FALSE(none->found);
  CHECK(none->text == "no message 86502\n");
}

TEST_CASE("reports: removing a portal says what was removed, or that there was none") {
  StoreBench bench;
  bench.Install("m1");

  const Result<Output> removed =
      RemovePortal(bench.store(), MemberId("m1"), bench.clock.Now(), OutputFormat::kJson);
  const Result<Output> again =
      RemovePortal(bench.store(), MemberId("m1"), bench.clock.Now(), OutputFormat::kText);

  REQUIRE(removed.has_value());
  CHECK(removed->text == "{\"removed\":\"m1\"}\n");
  REQUIRE_FALSE(again.has_value());
  CHECK(again.error().code == ErrorCode::kNotFound);
  CHECK(again.error().message == "no portal m1");
}

}  // namespace
}  // namespace imrelay
