#include <doctest/doctest.h>

#include <string>

#include "tests/web/house.h"

namespace imrelay {
namespace {

TEST_CASE("routes: what the database does not take is spooled, and answered when it is on disk") {
  House house;
  const std::string body = Wire("messagedelete-1-external-id.form");
  house.store.committed = Fail(ErrorCode::kUnavailable, "database is locked (5)");

  const Response response = house.Post("/bitrix24/shop/event", body);
  CHECK(response.status == 503);  // the spool cannot be written either
  house.spool_answers = true;
  const Response spooled = house.Post("/bitrix24/shop/event", body);

  CHECK(spooled.status == 200);
  CHECK(spooled.body == R"({"status":"spooled"})");
  REQUIRE(house.spooled.size() == 2);
  CHECK(house.spooled[1].path == "/bitrix24/shop/event");
  CHECK(house.spooled[1].body == body);
  CHECK(house.spooled[1].content_type == "application/x-www-form-urlencoded");
  CHECK(house.spooled[1].remote_address == "192.0.2.7");
  CHECK(house.log.text().find("status=spooled") != std::string::npos);
  CHECK(house.log.text().find("could be written nowhere") != std::string::npos);
}

TEST_CASE("routes: an event that meets a fault of our own is spooled, too, at both paths") {
  House house;
  house.store.committed = Fail(ErrorCode::kInternal, "constraint failed: messages (19)");
  const std::string deletion = Wire("messagedelete-1-external-id.form");

  CHECK(house.Post("/bitrix24/event", deletion).status == 500);  // the spool cannot be written
  house.spool_answers = true;
  CHECK(house.Post("/bitrix24/event", deletion).body == R"({"status":"spooled"})");
  CHECK(house.Post("/bitrix24/install", Wire("onappinstall.form")).body ==
        R"({"status":"spooled"})");

  CHECK(house.spooled.size() == 3);
  const std::string log = house.log.text();
  CHECK(log.find(R"(reason="could be written nowhere: constraint failed)") != std::string::npos);
  CHECK(log.find(" info event status=spooled http=200 event=ONIMCONNECTORMESSAGEDELETE") !=
        std::string::npos);
  CHECK(log.find(R"(reason="constraint failed: messages)") != std::string::npos);
}

TEST_CASE("routes: neither a wrong token nor what is no event is spooled") {
  House house;
  house.spool_answers = true;
  house.store.committed = Fail(ErrorCode::kUnavailable, "database is locked (5)");
  CHECK(house.Post("event=X&auth[member_id]=no&auth[application_token]=t").status == 403);
  CHECK(house.Post("no=event").status == 400);
  house.store.committed = Fail(ErrorCode::kRateLimited, "too many wait", "too_many_waiting");
  CHECK(house.Post(Wire("messagedelete-1-external-id.form")).status == 429);
  CHECK(house.spooled.empty());
}

TEST_CASE("routes: what is held back and cannot be spooled overtakes rather than being lost") {
  House house;
  house.hold.Raise();
  const std::string body = Wire("messagedelete-1-external-id.form");

  const Response overtaking = house.Post(body);
  CHECK(overtaking.status == 200);
  CHECK(overtaking.body == R"({"status":"accepted"})");
  house.spool_answers = true;
  CHECK(house.Post(body).body == R"({"status":"spooled"})");
  CHECK(house.store.journal.size() == 1);
}

}  // namespace
}  // namespace imrelay
