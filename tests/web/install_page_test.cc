#include "web/install_page.h"

#include <doctest/doctest.h>

#include "tests/web/page_checks.h"

namespace imrelay {
namespace {

InstallPage PageOf(std::vector<Step> steps, Language language = Language::kEnglish) {
  InstallPage page;
  page.language = language;
  page.ancestor = "https://some.bitrix24.com";
  page.path = "/bitrix24/install?LANG=en";
  page.page_token = "token-1";
  page.member_id = "bac1";
  page.connector_name = "Chat";
  page.steps = std::move(steps);
  return page;
}

TEST_CASE("install page: ends the installation only when every step was done") {
  const Response done =
      InstallAnswer(PageOf({{"connector", true, ""}, {"event ONIMCONNECTORMESSAGEADD", true, ""}}));
  const Response failed = InstallAnswer(
      PageOf({{"connector", true, ""}, {"event ONIMCONNECTORMESSAGEADD", false, "no_answer"}}));

  CHECK(Contains(done.body, "BX24.installFinish()"));
  CHECK(Contains(done.body, "Everything is set up"));
  CHECK(
      Contains(done.body,
               "<form id=\"retry\" method=\"post\" action=\"/bitrix24/install?LANG=en\" hidden>"));
  CHECK_FALSE(Contains(failed.body, "BX24"));
  CHECK_FALSE(Contains(failed.body, "<script"));
  CHECK(Contains(failed.body, "Not everything could be set up yet"));
  CHECK(Contains(failed.body,
                 "<form id=\"retry\" method=\"post\" action=\"/bitrix24/install?LANG=en\" >"));
  CHECK(Contains(failed.body, "name=\"page_token\" value=\"token-1\""));
  CHECK(Contains(failed.body, "name=\"member_id\" value=\"bac1\""));
}

TEST_CASE("install page: tells what failed in words, each reason once") {
  const Response page =
      InstallAnswer(PageOf({{"connector", true, ""},
                            {"event ONIMCONNECTORMESSAGEADD", false, "no_answer"},
                            {"event ONIMCONNECTORMESSAGEDELETE", false, "no_answer"},
                            {"event ONAPPUPDATE", true, ""},
                            {"offline ONIMCONNECTORMESSAGEADD", false, "odd_word"},
                            {"stale ONAPPTEST https://old.example/x", true, ""}}));

  CHECK(Contains(page.body, "The connector is registered as “Chat”"));
  CHECK(Contains(page.body, "Bitrix24 does not report everything yet"));
  CHECK(Contains(page.body,
                 "<strong>new messages, deleted messages</strong>: "
                 "Bitrix24 did not answer. Try again in a minute."));
  CHECK(Contains(page.body, "The answer was “odd_word”."));
  CHECK_FALSE(Contains(page.body, "<p class=\"why\">: "));
  CHECK(Contains(page.body, "Former addresses of this service are removed"));
}

TEST_CASE("install page: speaks Russian") {
  const Response page =
      InstallAnswer(PageOf({{"connector", false, "access_denied"}}, Language::kRussian));

  CHECK(Contains(page.body, "<html lang=\"ru\">"));
  CHECK(Contains(page.body, "Установка коннектора «Chat»"));
  CHECK(Contains(page.body, "Битрикс24 отказал в доступе."));
  CHECK(Contains(page.body, ">Повторить</button>"));
  CHECK_FALSE(Contains(page.body, "Try again"));
}

TEST_CASE("install page: hostile values stay values") {
  InstallPage page = PageOf({{kHostile, false, kHostile},
                             {"event " + kHostile, false, kHostile},
                             {"connector", true, ""}});
  page.path = kHostile;
  page.page_token = kHostile;
  page.member_id = kHostile;
  page.connector_name = kHostile;

  const Response response = InstallAnswer(page);

  CHECK(IsHarmless(response.body));
}

}  // namespace
}  // namespace imrelay
