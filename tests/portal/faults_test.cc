#include "tests/portal/portal_bench.h"

namespace imrelay::stand_in {
namespace {

TEST_CASE("faults: a call fails as planned, that often, and then no more") {
  PortalBench bench;
  const std::string profile = R"("endpoint":"profile","mode":)";
  struct Case {
    const char* values;
    int status;
    const char* error;
  };
  const Case kCases[] = {
      {R"("expired_token")", 401, "expired_token"},
      {R"("QUERY_LIMIT_EXCEEDED")", 503, "QUERY_LIMIT_EXCEEDED"},
      {R"("OVERLOAD_LIMIT")", 503, "OVERLOAD_LIMIT"},
      {R"("OPERATION_TIME_LIMIT")", 429, "OPERATION_TIME_LIMIT"},
      {R"("error","error":"WORD","status":418)", 418, "WORD"},
      {R"("http500")", 500, ""},
      {R"("empty")", 200, ""},
      {R"("redirect","location":"http://evil.example/")", 302, ""},
      {R"("down")", 0, ""},
      {R"("drop_after")", 0, ""},
      {R"("cut")", 0, ""},
  };
  for (const Case& one : kCases) {
    CAPTURE(one.values);
    bench.Control("fault", profile + one.values);
    const PortalBench::RestAnswer answer = bench.Call("profile");
    CHECK(answer.status == one.status);
    CHECK(answer.error() == one.error);
    CHECK(bench.Call("profile").status == 200);
  }
  CHECK(At(bench.Control("fault", profile + R"("nonsense")"), "error") == "wrong_value");
}

TEST_CASE("faults: by chance they come in their share, and shares add up") {
  PortalBench bench;
  bench.Control("fault", R"("endpoint":"rest","mode":"http500","share":"0.3")");
  bench.Control("fault", R"("endpoint":"rest","mode":"OVERLOAD_LIMIT","share":"0.3")");
  int spoilt[2] = {};
  for (int i = 0; i < 100; ++i) {
    const int status = bench.Call("profile").status;
    if (status == 500) ++spoilt[0];
    if (status == 503) ++spoilt[1];
  }
  for (const int times : spoilt) {
    CHECK(times > 10);
    CHECK(times < 55);
  }
  bench.Control("fault", R"("endpoint":"rest","mode":"none")");
  for (int i = 0; i < 20; ++i) CHECK(bench.Call("profile").status == 200);
}

TEST_CASE("faults: the work is done although its answer is lost") {
  PortalBench bench;
  int number = 0;
  for (const char* fault : {R"("drop_after")", R"("cut")", R"("slow","delay_ms":3000)"}) {
    CAPTURE(fault);
    bench.Control("fault", R"("endpoint":"event.bind","skip":1,"mode":)" + std::string(fault));
    const std::string bind = R"("event":"OnAppTest","handler":"https://a.example/)";
    CHECK(bench.Call("event.bind", bind + std::to_string(++number) + '"').status == 200);
    bench.timeout = std::chrono::milliseconds(1500);
    CHECK(bench.Call("event.bind", bind + std::to_string(++number) + '"').status == 0);
    bench.timeout = std::chrono::milliseconds(5000);
    CHECK(bench.Call("event.bind", bind + std::to_string(number) + '"').error() == "ERROR_CORE");
  }
}

TEST_CASE("faults: a renamed portal answers 302, and the authorization server names its place") {
  PortalBench bench;
  bench.Control("rename", R"("address":"localhost")");

  const PortalBench::RestAnswer moved = bench.Call("profile");
  CHECK(moved.status == 302);
  const std::string endpoint =
      At(bench.Refresh(bench.tokens.refresh_token).body, "client_endpoint");
  CHECK(moved.location == endpoint + "profile");
  CHECK(endpoint.starts_with("http://localhost:"));
}

TEST_CASE("faults: calls over the limit are refused and counted") {
  PortalBench bench;
  bench.Control("setting", R"("limit":{"per_second":"0.001","burst":2})");

  CHECK(bench.Call("profile").status == 200);
  CHECK(bench.Call("profile").status == 200);
  CHECK(bench.Call("profile").error() == "QUERY_LIMIT_EXCEEDED");
  CHECK(At(bench.Control("portal"), "limit_violations") == "1");
}

TEST_CASE("frame: opens a page with what a browser posts, and finishes the installation") {
  PortalBench bench;
  bench.Control("install", R"("with_page":true)");
  const Tree opened = bench.Control("placement", R"("current_cloud":false,"language":"ru")");
  CHECK(At(opened, "query.LANG") == "ru");
  CHECK(At(opened, "body.member_id") == "m1");
  CHECK(At(opened, "body.APPLICATION_TOKEN") == "(none)");
  CHECK(bench.CallAs(At(opened, "body.AUTH_ID"), "profile").status == 200);
  CHECK(At(bench.CallAs(At(opened, "body.AUTH_ID"), "app.info").body, "result.INSTALLED") == "0");

  std::string origin = bench.portal->ClientEndpoint();
  origin.resize(origin.size() - std::string_view("/rest/").size());
  httplib::Client browser(origin);
  const auto page = browser.Get("/frame/install?member_id=m1&page=http://a.example/%22x&width=360");
  REQUIRE(page);
  CHECK(page->body.find("action=\"http://a.example/&quot;x?DOMAIN=") != std::string::npos);
  CHECK(page->body.find("width:360px") != std::string::npos);
  CHECK(browser.Get("/api/v1/")->body.find("installFinish") != std::string::npos);
  const std::string finish = R"({"sid":")" + At(opened, "query.APP_SID") + R"("})";
  CHECK(browser.Post("/frame/finish", finish, "application/json")->status == 200);
  CHECK(At(bench.Control("portal"), "installations.0.installed") == "1");
}

}  // namespace
}  // namespace imrelay::stand_in
