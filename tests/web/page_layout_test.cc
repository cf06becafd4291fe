#include "web/page_layout.h"

#include <doctest/doctest.h>

#include <string>

#include "tests/web/page_checks.h"
#include "web/page_sources.h"

namespace imrelay {
namespace {

std::string PolicyOf(const PageFrame& frame) {
  return HeaderOf(PageAnswer(frame, "<p>x</p>"), "Content-Security-Policy");
}

TEST_CASE("page layout: nobody has a page in a frame unless the portal is proven") {
  PageFrame frame;
  CHECK(Contains(PolicyOf(frame), "frame-ancestors 'none'"));

  frame.ancestor = "https://some.bitrix24.com";
  CHECK(PolicyOf(frame).ends_with("frame-ancestors https://some.bitrix24.com"));
}

TEST_CASE("page layout: no script runs but ours and Bitrix24's, where a page has one") {
  PageFrame frame;
  CHECK_FALSE(Contains(PolicyOf(frame), "script-src"));
  CHECK(Contains(PolicyOf(frame), "default-src 'none'"));

  frame.script = PageFrame::Script::kInstall;
  CHECK(Contains(PolicyOf(frame), "script-src https://api.bitrix24.com/api/v1/ 'sha256-"));
  frame.script = PageFrame::Script::kSettings;
  CHECK(Contains(PolicyOf(frame), "script-src 'sha256-"));
  CHECK(Contains(PolicyOf(frame), "connect-src 'self'"));
  for (const auto script :
       {PageFrame::Script::kNone, PageFrame::Script::kInstall, PageFrame::Script::kSettings}) {
    frame.script = script;
    const std::string policy = PolicyOf(frame);
    CHECK(Contains(policy, "form-action 'self'"));
    CHECK(Contains(policy, "base-uri 'none'"));
    CHECK_FALSE(Contains(policy, "unsafe"));
    CHECK_FALSE(Contains(policy, "*"));
  }
}

TEST_CASE("page layout: a page is HTML that nobody keeps, guesses or refers from") {
  PageFrame frame;
  frame.language = Language::kRussian;
  const Response response = PageAnswer(frame, "<p>x</p>");

  CHECK(response.content_type == "text/html; charset=utf-8");
  CHECK(Contains(response.body, "<html lang=\"ru\">"));
  CHECK(Contains(response.body, "<p>x</p>"));
  CHECK(HeaderOf(response, "Referrer-Policy") == "no-referrer");
  CHECK(HeaderOf(response, "X-Content-Type-Options") == "nosniff");
  CHECK(HeaderOf(response, "Cache-Control") == "no-store");
  CHECK(HeaderOf(response, "X-Frame-Options").empty());
}

TEST_CASE("page layout: what is embedded stands in the page as it was hashed") {
  PageFrame frame;
  frame.script = PageFrame::Script::kInstall;
  const Response response = PageAnswer(frame, "");

  CHECK(Contains(response.body, "<script>" + std::string(page_sources::kInstallJs) + "</script>"));
  CHECK(Contains(response.body, "<style>" + std::string(page_sources::kPageCss) + "</style>"));
}

TEST_CASE("page layout: a hostile title and text are text") {
  PageFrame frame;
  frame.title = kHostile;

  const Response response = NoticeAnswer(frame, kHostile);

  CHECK(IsHarmless(response.body));
  CHECK(Contains(response.body, "&lt;script&gt;alert(1)&lt;/script&gt;{{{body}}}&amp;amp;"));
}

TEST_CASE("page layout: the origin of an address is scheme, host and port") {
  CHECK(OriginOf("https://some.bitrix24.com/rest/") == "https://some.bitrix24.com");
  CHECK(OriginOf("https://box.example.com:8443/rest/") == "https://box.example.com:8443");
  CHECK(OriginOf("http://127.0.0.1:8000/rest/") == "http://127.0.0.1:8000");
  CHECK(OriginOf("https://[::1]:8000/rest/") == "https://[::1]:8000");
}

TEST_CASE("page layout: what could say more than an origin in a header is none") {
  for (const char* address :
       {"", "some.bitrix24.com", "https://", "https:///rest/", "ftp://a.example/",
        "javascript://a.example/", "https://*/rest/", "https://*.example.com/", "https://a b/",
        "https://a;script-src */", "https://a,b/", "https://a'none'/", "https://user@host/",
        "https://a\r\nX: y/", "https://A.EXAMPLE/", "https://a?/"}) {
    CAPTURE(address);
    CHECK(OriginOf(address).empty());
  }
}

}  // namespace
}  // namespace imrelay
