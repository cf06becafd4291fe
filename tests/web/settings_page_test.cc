#include "web/settings_page.h"

#include <doctest/doctest.h>

#include "tests/web/page_checks.h"

namespace imrelay {
namespace {

Table::Cell Text(const std::string& text) { return {text, false}; }

SettingsPage PageOf(std::int64_t line) {
  SettingsPage page;
  page.ancestor = "https://some.bitrix24.com";
  page.path = "/bitrix24/settings?LANG=en";
  page.page_token = "token-1";
  page.member_id = "bac1";
  page.connector_name = "Chat";
  page.domain = "some.bitrix24.com";
  page.registration.done_at = FromUnixSeconds(1773748800);
  page.line = LineId(line);
  if (line > 0) page.line_status = LineStatus{};
  return page;
}

std::string Html(const SettingsPage& page) { return SettingsAnswer(page).body; }

bool HasButton(const std::string& html, const std::string& action) {
  return Contains(html, "name=\"action\" value=\"" + action + "\"");
}

TEST_CASE("settings page: offers what the state of the line allows") {
  SettingsPage page = PageOf(107);
  const std::string off = Html(page);
  page.line_status = LineStatus{true, true, false};
  const std::string on = Html(page);
  page.line_status = LineStatus{true, true, true};
  const std::string error = Html(page);
  page.line_status.reset();
  page.line_word = "no_answer";
  const std::string unknown = Html(page);

  CHECK(HasButton(off, "connect"));
  CHECK_FALSE(HasButton(off, "disconnect"));
  CHECK(Contains(off, "Not connected"));
  CHECK(Contains(off, "Connect line 107"));
  CHECK(HasButton(on, "disconnect"));
  CHECK_FALSE(HasButton(on, "connect"));
  CHECK(HasButton(error, "connect"));
  CHECK(HasButton(error, "disconnect"));
  CHECK(Contains(unknown, "Bitrix24 did not answer."));
  CHECK(HasButton(unknown, "look"));
  CHECK_FALSE(HasButton(unknown, "connect"));
}

TEST_CASE("settings page: a dead portal is told with its mend") {
  SettingsPage page = PageOf(107);
  page.portal_status = PortalStatus::kDead;

  const std::string html = Html(page);

  CHECK(Contains(html, "No access"));
  CHECK(Contains(html, "An administrator has to open the application in Bitrix24 once"));
  CHECK_FALSE(HasButton(html, "register"));

  page.registration = {};
  const std::string unregistered = Html(page);
  CHECK(Contains(unregistered, "The registration goes on once the portal is connected again."));
  CHECK_FALSE(Contains(unregistered, "being registered"));
  CHECK_FALSE(HasButton(unregistered, "register"));
}

TEST_CASE("settings page: a line that is connected is not told to be waiting for registration") {
  SettingsPage page = PageOf(107);
  page.registration = {};
  CHECK(Contains(Html(page), "are being registered"));
  page.line_status = LineStatus{true, true, false};

  CHECK_FALSE(Contains(Html(page), "are being registered"));
  CHECK(Contains(Html(page), "its registration is being checked"));
}

TEST_CASE("settings page: an outdated registration is mended by registering now") {
  SettingsPage page = PageOf(107);
  page.outdated = true;

  const std::string html = Html(page);

  CHECK(Contains(html, "Register it now to bring in the present ones."));
  CHECK(HasButton(html, "register"));
  CHECK_FALSE(Contains(html, "open the application"));
}

TEST_CASE("settings page: an incomplete registration is told and can be repeated") {
  SettingsPage page = PageOf(107);
  CHECK_FALSE(HasButton(Html(page), "register"));

  page.registration.problem = "event ONAPPTEST: no_answer";
  const std::string html = Html(page);

  CHECK(Contains(html, "The registration is incomplete."));
  CHECK(Contains(html, "Bitrix24 did not answer."));
  CHECK(HasButton(html, "register"));
}

TEST_CASE("settings page: shows the newest deletions with their ends") {
  SettingsPage page = PageOf(107);
  CHECK(Contains(Html(page), "No message has been deleted yet."));

  page.deletions.columns = {"message_id", "external_message_id", "deleted_at", "outcome"};
  page.deletions.rows = {
      {Text("86501"), Text("ext-5"), Text("2026-03-17T15:16:17Z"), Text("too_old")},
      {Text("86502"), Table::Cell{}, Text("2026-03-17T15:16:18Z"), Text("done")}};
  const std::string html = Html(page);

  CHECK(Contains(html, "<time datetime=\"2026-03-17T15:16:17Z\">2026-03-17 15:16 UTC</time>"));
  CHECK(Contains(html, ">86501<"));
  CHECK(Contains(html, ">ext-5<"));
  CHECK(Contains(html, "too old to delete"));
  CHECK(Contains(html, ">—<"));
}

TEST_CASE("settings page: tells whether deletions can arrive at all") {
  SettingsPage page = PageOf(107);
  CHECK(Contains(Html(page), ">Bitrix24 reports the deletion of a message once"));
  page.outlook = {10, 0, {}};
  CHECK(Contains(Html(page), "<p class=\"warning\">None of the last 10 messages"));
  page.outlook = {10, 7, {}};
  CHECK(Contains(Html(page), "are known: Bitrix24 reports their deletions to imrelay."));
}

TEST_CASE("settings page: without a line it lists the lines, without buttons for one") {
  SettingsPage page = PageOf(0);
  CHECK(Contains(Html(page), "No line has been connected yet."));
  CHECK_FALSE(Contains(Html(page), "No message has been deleted yet."));

  page.lines.columns = {"connector", "line_id", "status", "updated_at"};
  page.lines.rows = {{Text("chat"), Text("107"), Text("active"), Text("2026-03-17T15:16:17Z")}};
  const std::string html = Html(page);

  CHECK(Contains(html, "Line 107"));
  CHECK(Contains(html, "since 2026-03-17 15:16 UTC"));
  CHECK_FALSE(HasButton(html, "connect"));
  CHECK_FALSE(HasButton(html, "disconnect"));
}

TEST_CASE("settings page: a test is waited for by a script and without one") {
  using State = SettingsPage::Test::State;
  SettingsPage page = PageOf(107);
  const std::string before = Html(page);
  page.test = {State::kSent, 42, {}};
  const std::string sent = Html(page);
  page.test.state = State::kArrived;
  const std::string arrived = Html(page);
  page.test = {State::kFailed, 0, "access_denied"};
  const std::string failed = Html(page);

  CHECK(HasButton(before, "test"));
  CHECK_FALSE(Contains(before, "<script"));
  CHECK(HasButton(sent, "look"));
  CHECK(Contains(sent, "name=\"after\" value=\"42\""));
  CHECK(Contains(sent, "<script>"));
  CHECK(Contains(arrived, "The test event has arrived"));
  CHECK_FALSE(Contains(arrived, "<script"));
  CHECK(Contains(failed, "Bitrix24 denies access."));
}

TEST_CASE("settings page: what a button did is told") {
  SettingsPage page = PageOf(107);
  page.outcome = SettingsPage::Outcome{
      false, "Line 107 could not be connected.", {{"line", false, "not_active_line"}}};

  const std::string html = Html(page);

  CHECK(Contains(html, "<div class=\"card bad\" role=\"status\" id=\"result\">"));
  CHECK(Contains(html, "This open line is not active in Bitrix24."));
}

TEST_CASE("settings page: hostile values stay values, in both languages") {
  for (const Language language : {Language::kEnglish, Language::kRussian}) {
    for (const std::int64_t line : {0, 107}) {
      SettingsPage page = PageOf(line);
      page.language = language;
      page.path = page.page_token = page.member_id = page.connector_name = page.domain = kHostile;
      page.registration.problem = kHostile;
      page.line_status.reset();
      page.line_word = kHostile;
      page.outcome = SettingsPage::Outcome{false, kHostile, {{kHostile, false, kHostile}}};
      page.test = {SettingsPage::Test::State::kFailed, 0, kHostile};
      page.lines.columns = {"connector", "line_id", "status", "updated_at"};
      page.lines.rows = {{Text(kHostile), Text(kHostile), Text(kHostile), Text(kHostile)}};
      page.deletions.columns = {"message_id", "external_message_id", "deleted_at", "outcome"};
      page.deletions.rows = page.lines.rows;

      CHECK(IsHarmless(Html(page)));
    }
  }
}

}  // namespace
}  // namespace imrelay
