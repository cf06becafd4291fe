#include "web/routes.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "base/await.h"
#include "tests/web/house.h"

using namespace imrelay;

TEST_CASE("routes: an event is answered with what became of it") {
  House house;
  const std::string body = Wire("messagedelete-1-external-id.form");

  const Response accepted = house.Post(body);
  house.store.committed = Committed{Committed::Answer::kDuplicate, {}};
  const Response duplicate = house.Post(body);
  house.store.committed = Committed{Committed::Answer::kIgnored, "no_change"};
  const Response ignored = house.Post(body);

  CHECK(accepted.status == 200);
  CHECK(accepted.body == R"({"status":"accepted"})");
  CHECK(duplicate.status == 200);
  CHECK(duplicate.body == R"({"status":"duplicate"})");
  CHECK(ignored.status == 200);
  CHECK(ignored.body == R"({"status":"ignored","reason":"no_change"})");
  REQUIRE(house.store.journal.size() == 3);
  CHECK(house.store.journal[0].source == EventSource::kWebhook);
}

TEST_CASE("routes: an event may be JSON") {
  House house;

  const Response response = house.Post("/bitrix24/event", Wire("messagedelete-1-external-id.json"),
                                       "Application/JSON; charset=utf-8");

  CHECK(response.status == 200);
  CHECK(house.store.journal.size() == 1);
}

TEST_CASE("routes: the installation callback is taken in at both paths") {
  for (const char* path : {"/bitrix24/event", "/bitrix24/install"}) {
    CAPTURE(path);
    House house;

    const Response response = house.Post(path, Wire("onappinstall.form"));

    CHECK(response.status == 200);
    CHECK(response.body == R"({"status":"accepted"})");
    CHECK(house.store.journal.size() == 1);
  }
}

TEST_CASE("routes: what a browser posts to a page goes to the pages, with its application") {
  House house;
  const std::string form = "AUTH_ID=a&REFRESH_ID=b&member_id=c";
  for (const char* path : {"/bitrix24/install", "/bitrix24/shop/install", "/bitrix24/settings",
                           "/bitrix24/shop/settings"}) {
    CAPTURE(path);
    CHECK(house.Post(path, form).body == "a page");
  }

  CHECK(house.opened ==
        std::vector<std::string>{"install  c", "install shop c", "settings  c", "settings shop c"});
  CHECK(house.store.journal.empty());
}

TEST_CASE("routes: an event is never a page, and what cannot be read is neither") {
  House house;
  const std::string event = Wire("onappinstall.form");

  CHECK(house.Post("/bitrix24/shop/install", event).body == R"({"status":"accepted"})");
  CHECK(house.Post("/bitrix24/install", "{", "application/json").status == 400);
  CHECK(house.Post("/bitrix24/settings", "{", "application/json").status == 400);
  CHECK(house.Post("/bitrix24/install", "a=1", "text/plain").status == 415);
  CHECK(house.Post("/bitrix24/settings", "a=1", "text/plain").status == 415);
  CHECK(house.Post("/bitrix24/event", "AUTH_ID=a&member_id=c").status == 400);

  CHECK(house.opened.empty());
  CHECK(house.store.journal.size() == 1);
}

TEST_CASE("routes: a probe of a page gets a small page that costs no work") {
  House house;
  for (const char* path : {"/bitrix24/install", "/bitrix24/settings", "/bitrix24/shop/install"}) {
    for (const char* method : {"GET", "HEAD"}) {
      const Response response = house.Ask(method, path);

      CHECK(response.status == 200);
      CHECK(response.content_type == "text/html; charset=utf-8");
      const std::string* policy = HeaderOf(response, "Content-Security-Policy");
      REQUIRE(policy != nullptr);
      CHECK(policy->ends_with("frame-ancestors 'none'"));
    }
  }
  CHECK(house.opened.empty());
}

TEST_CASE("routes: without pages an installation page's form is no event") {
  House house;
  Routes bare({house.ingest, house.store, [&house] { return house.levels; }});
  Request request;
  request.method = "POST";
  request.path = "/bitrix24/install";
  request.content_type = "application/x-www-form-urlencoded";
  request.body = "AUTH_ID=a&REFRESH_ID=b&member_id=c";
  const auto ask = [&] {
    return Await<Response>([&](Reply reply) { bare.Handle(request, std::move(reply)); });
  };

  const Response install = ask();
  request.path = "/bitrix24/settings";
  const Response settings = ask();

  CHECK(install.status == 400);
  CHECK(ErrorOf(install) == "no_event");
  CHECK(settings.status == 404);
  CHECK(house.store.journal.empty());
}

TEST_CASE("routes: each application has an event path, and its installations its name") {
  House house;

  CHECK(house.Post("/bitrix24/shop/event", Wire("onappinstall.form")).status == 200);
  CHECK(house.Post("/bitrix24/event", Wire("onappinstall.form")).status == 200);
  CHECK(house.Post("/bitrix24/shop/event", Wire("messagedelete-1-external-id.form")).status == 200);
  CHECK(house.Ask("GET", "/bitrix24/shop/event").status == 200);

  REQUIRE(house.store.installations.size() == 2);
  CHECK(house.store.installations[0].application == "shop");
  CHECK(house.store.installations[1].application == "");
  CHECK(house.store.journal.size() == 3);
}

TEST_CASE("routes: metrics tell what was counted and the levels of the moment") {
  House house;
  house.levels = std::vector<Level>{{"imrelay_portals", {{"status", "active"}}, 3},
                                    {"imrelay_deliveries_failed", {}, 0}};
  house.Post(Wire("messagedelete-1-external-id.form"));
  house.Post("event=ONANYNAME&auth[member_id]=nobody&auth[application_token]=x");

  const Response metrics = house.Ask("GET", "/metrics");
  house.levels = Fail(ErrorCode::kUnavailable, "the database is away");
  const Response away = house.Ask("GET", "/metrics");

  CHECK(metrics.status == 200);
  CHECK(metrics.content_type == "text/plain; version=0.0.4; charset=utf-8");
  for (const char* line :
       {"# TYPE imrelay_portals gauge\n", "imrelay_portals{status=\"active\"} 3\n",
        "imrelay_deliveries_failed 0\n", "# TYPE imrelay_event_commit_seconds histogram\n",
        "imrelay_events_total{event=\"ONIMCONNECTORMESSAGEDELETE\",source=\"webhook\","
        "status=\"accepted\"} ",
        "imrelay_events_total{event=\"other\",source=\"webhook\",status=\"refused\"} "}) {
    CAPTURE(line);
    CHECK(metrics.body.find(line) != std::string::npos);
  }
  CHECK(metrics.body.find("ONANYNAME") == std::string::npos);
  CHECK(away.status == 503);
}

TEST_CASE("routes: a probe of the event path costs no work") {
  House house;
  for (const char* method : {"GET", "HEAD"}) {
    const Response response = house.Ask(method, "/bitrix24/event");

    CHECK(response.status == 200);
    CHECK(response.body == R"({"status":"ok"})");
  }
  CHECK(house.store.journal.empty());
  CHECK(house.log.text().empty());
}

TEST_CASE("routes: a post is refused for its length, size, type and wholeness, in this order") {
  using BodyState = Request::BodyState;
  House house;
  Request request;
  request.method = "POST";
  request.path = "/bitrix24/event";
  request.body = Wire("messagedelete-1-external-id.form");
  const auto check = [&](BodyState state, const char* type, int status, const char* error) {
    CAPTURE(error);
    request.body_state = state;
    request.content_type = type;
    const Response response = house.Handle(request);
    CHECK(response.status == status);
    CHECK(ErrorOf(response) == error);
  };

  check(BodyState::kNoLength, "text/plain", 411, "length_required");
  check(BodyState::kTooLarge, "text/plain", 413, "body_too_large");
  check(BodyState::kCut, "text/plain", 415, "unsupported_media_type");
  check(BodyState::kComplete, "", 415, "unsupported_media_type");
  check(BodyState::kComplete, "multipart/form-data; boundary=x", 415, "unsupported_media_type");
  check(BodyState::kCut, "application/x-www-form-urlencoded", 400, "incomplete_body");
  CHECK(house.store.journal.empty());
}

TEST_CASE("routes: a body that is no event is refused with the decoder's reason") {
  House house;
  CHECK(ErrorOf(house.Post("")) == "no_event");
  CHECK(ErrorOf(house.Post("a=1")) == "no_event");

  const Response broken = house.Post("/bitrix24/event", "{", "application/json");
  CHECK(broken.status == 400);
  CHECK(ErrorOf(broken) == "bad_json");

  const Response large = house.Post(std::string((1 << 20) + 1, 'x'));
  CHECK(large.status == 413);
  CHECK(ErrorOf(large) == "body_too_large");
  CHECK(house.store.journal.empty());
}

TEST_CASE("routes: an event of a stranger or with a wrong token is forbidden") {
  House house;
  std::string wrong = Wire("messagedelete-1-external-id.form");
  wrong.replace(wrong.find(kToken), 4, "0000");

  const Response wrong_token = house.Post(wrong);
  house.store.portal.reset();
  House empty;
  empty.store.portal.reset();
  const Response unknown = empty.Post(Wire("messagedelete-1-external-id.form"));

  CHECK(wrong_token.status == 403);
  CHECK(ErrorOf(wrong_token) == "wrong_token");
  CHECK(unknown.status == 403);
  CHECK(ErrorOf(unknown) == "unknown_portal");
  CHECK(house.store.journal.empty());
}

TEST_CASE("routes: what could not be stored is 503, to be sent again, and tells no secrets") {
  House house;
  const std::string body = Wire("messagedelete-1-external-id.form");

  house.store.committed = Fail(ErrorCode::kUnavailable, "write /var/lib/x.db: disk full");
  const Response unavailable = house.Post(body);
  house.store.committed = Fail(ErrorCode::kRateLimited, "too many wait", "too_many_waiting");
  const Response limited = house.Post(body);

  CHECK(unavailable.status == 503);
  CHECK(limited.status == 429);  // nginx would hand a 503 to the spooler
  for (const Response& response : {unavailable, limited}) {
    CHECK(HeaderOf(response, "Retry-After") != nullptr);
  }
  CHECK(ErrorOf(unavailable) == "unavailable");
  CHECK(unavailable.body.find("/var/lib") == std::string::npos);
  CHECK(ErrorOf(limited) == "rate_limited");
  CHECK(house.log.text().find("disk full") != std::string::npos);
}

TEST_CASE("routes: our own faults are 500, never the sender's") {
  House house;
  for (const ErrorCode code : {ErrorCode::kInternal, ErrorCode::kInvalidArgument}) {
    house.store.committed = Fail(code, "constraint failed: messages");

    const Response response = house.Post(Wire("messagedelete-1-external-id.form"));

    CHECK(response.status == 500);
    CHECK(ErrorOf(response) == "internal");
    CHECK(response.body.find("constraint") == std::string::npos);
  }
}

TEST_CASE("routes: a method that a path does not take is refused with those it takes") {
  House house;
  const auto check = [&](const char* method, const char* path, const char* allow) {
    CAPTURE(path);
    CAPTURE(method);
    const Response response = house.Ask(method, path);
    CHECK(response.status == 405);
    CHECK(ErrorOf(response) == "method_not_allowed");
    const std::string* allowed = HeaderOf(response, "Allow");
    REQUIRE(allowed != nullptr);
    CHECK(*allowed == allow);
  };

  check("PUT", "/bitrix24/event", "GET, HEAD, POST");
  check("post", "/bitrix24/event", "GET, HEAD, POST");
  check("", "/bitrix24/event", "GET, HEAD, POST");
  check("PUT", "/bitrix24/install", "GET, HEAD, POST");
  check("POST", "/healthz", "GET, HEAD");
  check("DELETE", "/readyz", "GET, HEAD");
  check("POST", "/metrics", "GET, HEAD");
  check("DELETE", "/bitrix24/settings", "GET, HEAD, POST");
  check("PUT", "/bitrix24/shop/event", "GET, HEAD, POST");
}

TEST_CASE("routes: any other path is not found") {
  House house;
  for (const char* path :
       {"", "/", "/bitrix24", "/bitrix24/event/", "/Bitrix24/event", "/bitrix24/event.php",
        "//bitrix24/event", "/channel/v1/messages", "/bitrix24/", "/bitrix24//event",
        "/bitrix24/shop", "/bitrix24/shop/", "/bitrix24/desk/event", "/bitrix24/SHOP/event",
        "/bitrix24/shop/event/x", "/bitrix24/event/event", "/metrics/"}) {
    CAPTURE(path);
    const Response response = house.Ask("POST", path);

    CHECK(response.status == 404);
    CHECK(ErrorOf(response) == "not_found");
  }
}

TEST_CASE("routes: a probe with a nonce is told what only this service knows") {
  House house;
  const std::string nonce = "0123456789abcdef";
  for (const char* path : {"/bitrix24/event", "/bitrix24/shop/event", "/healthz", "/readyz"}) {
    CAPTURE(path);
    CHECK(house.Ask("GET", path, "probe=" + nonce).body ==
          R"({"status":"ok","probe":"of 0123456789abcdef"})");
    CHECK(house.Ask("HEAD", path, "probe=" + nonce).status == 200);
    for (const std::string& query : std::vector<std::string>{
             "probe=", "probe=" + nonce.substr(1), "probe=" + std::string(65, 'a'),
             "probe=0123456789ABCDEF", "probe=0123456789abcdeg", "x=1", "probe=" + nonce + "&x=1",
             "x=1&probe=" + nonce, "Probe=" + nonce, "probe=%30123456789abcdef"}) {
      CAPTURE(query);
      CHECK(house.Ask("GET", path, query).body == R"({"status":"ok"})");
    }
  }
  house.store.ready = Fail(ErrorCode::kUnavailable, "the schema is old");
  CHECK(house.Ask("GET", "/readyz", "probe=" + nonce).status == 503);
}

TEST_CASE("routes: healthz tells that the process lives, readyz that the database works") {
  House house;

  const Response ready = house.Ask("GET", "/readyz");
  house.store.ready = Fail(ErrorCode::kUnavailable, "the schema is old");
  const Response not_ready = house.Ask("GET", "/readyz");
  const Response healthy = house.Ask("HEAD", "/healthz");

  CHECK(ready.status == 200);
  CHECK(ready.body == R"({"status":"ok"})");
  CHECK(not_ready.status == 503);
  CHECK(ErrorOf(not_ready) == "not_ready");
  CHECK(not_ready.body.find("The schema is old.") != std::string::npos);
  CHECK(healthy.status == 200);
}

TEST_CASE("routes: one line is logged for an event, with neither tokens nor text") {
  House house;
  house.store.committed = Committed{Committed::Answer::kAccepted, {}};

  house.Post(Wire("messageadd-text.form"));

  const std::string log = house.log.text();
  CHECK(log.find(" info event status=accepted http=200 event=ONIMCONNECTORMESSAGEADD "
                 "member_id=" +
                 kMember.value() + " reason=\"\" remote=192.0.2.7 ms=") != std::string::npos);
  CHECK(log.find('\n') == log.size() - 1);
  CHECK(log.find(kToken) == std::string::npos);
  CHECK(log.find("5b00844001b0007cd181977d455de630432") == std::string::npos);
  CHECK(log.find("Guten") == std::string::npos);
}

TEST_CASE("routes: a refused event is logged too, and cannot forge a field") {
  House house;

  house.Post("event=X&auth[member_id]=no+status=accepted&auth[application_token]=t");

  const std::string log = house.log.text();
  CHECK(log.find(" warning event status=refused http=403 ") != std::string::npos);
  CHECK(log.find(R"(member_id="no status=accepted")") != std::string::npos);
  CHECK(log.find("reason=unknown_portal") != std::string::npos);
  CHECK(log.find('\n') == log.size() - 1);
}
