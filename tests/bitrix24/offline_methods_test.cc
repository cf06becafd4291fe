#include "bitrix24/offline_methods.h"

#include <doctest/doctest.h>

#include "codec/json.h"

namespace imrelay {
namespace {

CallResult Answer(const std::string& body) {
  Result<Tree> tree = ParseJson(body);
  REQUIRE(tree.has_value());
  return *std::move(tree);
}

std::string RowOf(const std::string& time, const std::string& data = "{}") {
  return R"({"ID":"7","TIMESTAMP_X":")" + time + R"(","EVENT_NAME":"OnImConnectorMessageAdd",)" +
         R"("EVENT_DATA":)" + data + R"(,"MESSAGE_ID":"abc","PROCESS_ID":"p","ERROR":"0"})";
}

CallResultOf<OfflinePage> PageOf(const std::string& rows) {
  return ReadOfflinePage(Answer(R"({"result":[)" + rows + R"(],"total":90})"));
}

TEST_CASE("offline_methods: what is sent") {
  CHECK(ListOffline(7, 0, false).method == "event.offline.list");
  CHECK(ListOffline(7, 0, false).parameters == R"({"filter":{">ID":7},"order":{"ID":"ASC"}})");
  CHECK(ListOffline(7, 9, true).parameters ==
        R"({"filter":{">ID":7,"<=ID":9,">PROCESS_ID":""},"order":{"ID":"ASC"}})");
  CHECK(TakeOffline(7, 9).method == "event.offline.get");
  CHECK(TakeOffline(7, 9).parameters ==
        R"({"filter":{">=ID":7,"<=ID":9},"order":{"ID":"ASC"},"limit":50,"clear":1})");
  CHECK(ReserveOffline().parameters == R"({"order":{"ID":"ASC"},"limit":50,"clear":0})");
  CHECK(ClearOffline("p", {7, 9}).method == "event.offline.clear");
  CHECK(ClearOffline("p", {7, 9}).parameters == R"({"process_id":"p","id":[7,9]})");
}

TEST_CASE("offline_methods: reads a page") {
  const CallResultOf<OfflinePage> page =
      PageOf(RowOf("2026-03-17T15:16:17+03:00", R"({"LINE":7,"yes":true})"));

  REQUIRE(page.has_value());
  CHECK(page->total == 90);
  REQUIRE(page->events.size() == 1);
  const OfflineEvent& event = page->events[0];
  CHECK(event.id == 7);
  CHECK(event.written_at == 1773749777);
  CHECK(event.event == "ONIMCONNECTORMESSAGEADD");
  CHECK(*event.data.FindText("LINE") == "7");
  CHECK(*event.data.FindText("yes") == "1");
  CHECK(event.message_id == "abc");
  CHECK(event.process_id == "p");
}

TEST_CASE("offline_methods: the portal's time is in its own zone") {
  for (const char* time :
       {"2026-03-17T15:16:17+03:00", "2026-03-17T12:16:17Z", "2026-03-17T12:16:17+00:00",
        "2026-03-17T12:16:17", "2026-03-17T08:46:17-0330", "2026-03-18T00:16:17+12:00"}) {
    CAPTURE(time);
    const CallResultOf<OfflinePage> page = PageOf(RowOf(time));
    REQUIRE(page.has_value());
    CHECK(page->events.at(0).written_at == 1773749777);
  }
}

TEST_CASE("offline_methods: an empty queue has no events, and scalars are data too") {
  CHECK(ReadOfflinePage(Answer(R"({"result":[],"total":0})"))->events.empty());
  CHECK(ReadOfflineBatch(Answer(R"({"result":{"process_id":null,"events":[]}})"))->events.empty());
  CHECK(PageOf(RowOf("2026-03-17T12:16:17Z", "107"))->events.at(0).data.text() == "107");
}

TEST_CASE("offline_methods: reads a batch") {
  const CallResultOf<OfflineBatch> batch = ReadOfflineBatch(Answer(
      R"({"result":{"process_id":"abc","events":[)" + RowOf("2026-03-17T12:16:17Z") + "]}}"));
  REQUIRE(batch.has_value());
  CHECK(batch->process_id == "abc");
  CHECK(batch->events.size() == 1);
}

TEST_CASE("offline_methods: what cannot be told from others is a broken answer") {
  for (const char* rows : {R"({"TIMESTAMP_X":"2026-03-17T12:16:17Z","EVENT_NAME":"A"})",
                           R"({"ID":"0","TIMESTAMP_X":"2026-03-17T12:16:17Z","EVENT_NAME":"A"})",
                           R"({"ID":"1x","TIMESTAMP_X":"2026-03-17T12:16:17Z","EVENT_NAME":"A"})",
                           R"({"ID":"1","TIMESTAMP_X":"yesterday","EVENT_NAME":"A"})",
                           R"({"ID":"1","TIMESTAMP_X":"2026-02-30T12:16:17Z","EVENT_NAME":"A"})",
                           R"({"ID":"1","TIMESTAMP_X":"2026-03-17T12:16:17+3","EVENT_NAME":"A"})",
                           R"({"ID":"1","TIMESTAMP_X":"2026-03-17T12:16:17Z"})", R"("text")"}) {
    CAPTURE(rows);
    const CallResultOf<OfflinePage> page = PageOf(rows);
    REQUIRE_FALSE(page.has_value());
    CHECK(page.error().word == "broken_answer");
    CHECK(page.error().fault == Fault::kLater);
  }
}

TEST_CASE("offline_methods: a number that nothing can be counted up from is a broken answer") {
  const auto page_of = [](const char* id) {
    return PageOf(std::string(R"({"ID":")") + id +
                  R"(","TIMESTAMP_X":"2026-03-17T12:16:17Z","EVENT_NAME":"x"})");
  };
  CHECK(page_of("9007199254740992").has_value());
  for (const char* id : {"9007199254740993", "9223372036854775807", "9223372036854775808"}) {
    CAPTURE(id);
    CHECK(page_of(id).error().word == "broken_answer");
  }
}

}  // namespace
}  // namespace imrelay
