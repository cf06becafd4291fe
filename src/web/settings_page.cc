#include "web/settings_page.h"

#include <algorithm>
#include <kainjow/mustache.hpp>
#include <string_view>

#include "web/page_layout.h"
#include "web/page_sources.h"
#include "web/steps.h"

namespace imrelay {
namespace {

using kainjow::mustache::data;
using kainjow::mustache::mustache;

void SetTexts(data& body, Language language, std::initializer_list<const char*> keys) {
  for (const char* key : keys) body.set(key, TextOf(language, key));
}

// The text of a column, "" where there is none.
std::string CellOf(const Table& table, const std::vector<Table::Cell>& row,
                   std::string_view column) {
  const auto found = std::find(table.columns.begin(), table.columns.end(), column);
  const std::size_t index = static_cast<std::size_t>(found - table.columns.begin());
  return index < row.size() ? row[index].text.value_or("") : std::string();
}

// "2026-03-17T15:16:17Z" as people write it.
std::string Shown(const std::string& utc, Language language) {
  std::string shown = utc.substr(0, 16);
  std::replace(shown.begin(), shown.end(), 'T', ' ');
  return shown.empty() ? shown : shown + " " + TextOf(language, "utc");
}

void SetOutcome(data& body, const SettingsPage& page) {
  if (!page.outcome) return;
  data outcome;
  outcome.set("good", page.outcome->good);
  outcome.set("text", page.outcome->text);
  data whys{data::type::list};
  for (const StepGroup& group : GroupSteps(page.outcome->steps)) {
    for (const StepFailure& failure : ExplainFailures(page.language, group)) {
      data why;
      if (!failure.what.empty()) why.set("what", failure.what);
      why.set("why", failure.why);
      whys << why;
    }
  }
  outcome.set("whys", whys);
  body.set("result", outcome);
}

// The key of the sentence about the registration.
std::string StateOf(const SettingsPage& page) {
  const Registration& registration = page.registration;
  if (!registration.problem.empty()) return "registration_problem";
  if (page.outdated) return "registration_outdated";
  if (registration.done_at) return "registered";
  if (page.portal_status != PortalStatus::kActive) return "registration_rests";
  // What was known of it is forgotten when the application is opened anew.
  const bool on = page.line_status && page.line_status->active && !page.line_status->error;
  return on ? "registration_checked" : "not_registered";
}

void SetPortal(data& body, const SettingsPage& page) {
  const bool active = page.portal_status == PortalStatus::kActive;
  const bool dead = page.portal_status == PortalStatus::kDead;
  body.set("portal_title", TextOf(page.language, "portal"));
  body.set("portal_class", active ? "good" : dead ? "bad" : "wait");
  body.set("portal_badge", TextOf(page.language, active ? "portal_active"
                                                 : dead ? "portal_dead"
                                                 : page.portal_status == PortalStatus::kPending
                                                     ? "portal_pending"
                                                     : "portal_uninstalled"));
  body.set("domain", page.domain);
  if (dead) body.set("portal_text", TextOf(page.language, "portal_dead_text"));
  const Registration& registration = page.registration;
  const std::string state = StateOf(page);
  body.set("registration", TextOf(page.language, state));
  body.set("may_register", active && state != "registered");
  if (!registration.problem.empty()) {
    // "event ONAPPTEST: no_answer": what, and the word why.
    const std::size_t colon = registration.problem.rfind(": ");
    const std::string word =
        colon == std::string::npos ? registration.problem : registration.problem.substr(colon + 2);
    body.set("registration_why", Explain(page.language, word));
  }
  body.set("register", TextOf(page.language, "register"));
}

void SetLine(data& body, const SettingsPage& page) {
  const bool on_line = page.line.value() > 0;
  body.set("on_line", on_line);
  if (!on_line) return;
  const Language language = page.language;
  const std::string number = std::to_string(page.line.value());
  const bool known = page.line_status.has_value();
  const bool error = known && page.line_status->error;
  const bool on = known && page.line_status->active && !error;
  const std::string state = !known  ? "line_unknown"
                            : error ? "line_error"
                            : on    ? "line_on"
                                    : "line_off";
  body.set("subtitle", TextOf(language, "settings_line", {number}));
  body.set("line_title", TextOf(language, "line", {number}));
  body.set("line_class", on ? "good" : error ? "bad" : "wait");
  body.set("line_badge", TextOf(language, state));
  const bool dead = page.portal_status == PortalStatus::kDead;
  body.set("line_text", known  ? TextOf(language, state + "_text")
                        : dead ? TextOf(language, "line_hidden_text")
                               : Explain(language, page.line_word));
  body.set("may_connect", known && !on);
  body.set("may_disconnect", on || error);
  body.set("may_retry", !known && !dead);
  body.set("connect", TextOf(language, "connect", {number}));
  body.set("disconnect", TextOf(language, "disconnect", {number}));
  body.set("try_again", TextOf(language, "try_again"));
}

void SetLines(data& body, const SettingsPage& page) {
  const Language language = page.language;
  SetTexts(body, language, {"lines_none", "since"});
  body.set("lines_title", TextOf(language, "lines"));
  data lines{data::type::list};
  for (const std::vector<Table::Cell>& row : page.lines.rows) {
    const std::string status = CellOf(page.lines, row, "status");
    data line;
    line.set("name", TextOf(language, "line", {CellOf(page.lines, row, "line_id")}));
    line.set("connector", CellOf(page.lines, row, "connector"));
    line.set("class", status == "active" ? "good" : "wait");
    line.set("badge", TextOf(language, "line_status_" + status));
    line.set("updated_at", Shown(CellOf(page.lines, row, "updated_at"), language));
    lines << line;
  }
  body.set("has_lines", !page.lines.rows.empty());
  body.set("lines", lines);
}

void SetTest(data& body, const SettingsPage& page) {
  using State = SettingsPage::Test::State;
  const Language language = page.language;
  const State state = page.test.state;
  SetTexts(body, language,
           {"test_text", "test_button", "test_arrived", "test_missing", "test_look"});
  body.set("test_title", TextOf(language, "test"));
  body.set("test_runs", state == State::kSent);
  body.set("after", std::to_string(page.test.after));
  const char* result = state == State::kSent      ? "test_sent"
                       : state == State::kArrived ? "test_arrived"
                       : state == State::kFailed  ? "test_failed"
                                                  : nullptr;
  body.set("test_result", result == nullptr ? std::string() : TextOf(language, result));
  if (state == State::kFailed) body.set("test_why", Explain(language, page.test.word));
}

void SetDeletions(data& body, const SettingsPage& page) {
  const Language language = page.language;
  SetTexts(body, language,
           {"deletions_none", "deletion_time", "deletion_message", "deletion_external",
            "deletion_outcome"});
  body.set("deletions_title", TextOf(language, "deletions"));
  body.set("deletions_caption",
           TextOf(language, "deletions_caption", {std::to_string(kShownDeletions)}));
  const DeletionOutlook& outlook = page.outlook;
  const bool bad = outlook.Hopeless();
  body.set("outlook_class", bad ? "warning" : "");
  body.set("outlook",
           TextOf(language,
                  bad                             ? "outlook_bad"
                  : outlook.with_external_id == 0 ? "outlook_none"
                                                  : "outlook_good",
                  {std::to_string(outlook.sent), std::to_string(outlook.with_external_id)}));
  data deletions{data::type::list};
  for (const std::vector<Table::Cell>& row : page.deletions.rows) {
    const std::string outcome = CellOf(page.deletions, row, "outcome");
    const std::string deleted_at = CellOf(page.deletions, row, "deleted_at");
    data deletion;
    deletion.set("deleted_at", deleted_at);
    deletion.set("shown_at", Shown(deleted_at, language));
    deletion.set("message_id", CellOf(page.deletions, row, "message_id"));
    const std::string external_id = CellOf(page.deletions, row, "external_message_id");
    deletion.set("external_id", external_id.empty() ? "—" : external_id);
    deletion.set("class", outcome == "done" || outcome == "gone"           ? "good"
                          : outcome == "pending" || outcome == "cancelled" ? ""
                                                                           : "bad");
    deletion.set("outcome", TextOf(language, "outcome_" + outcome));
    deletions << deletion;
  }
  body.set("has_deletions", page.line.value() > 0 && !page.deletions.rows.empty());
  body.set("deletions", deletions);
}

}  // namespace

Response SettingsAnswer(const SettingsPage& page) {
  PageFrame frame;
  frame.language = page.language;
  frame.title = TextOf(page.language, "settings_title", {page.connector_name});
  frame.ancestor = page.ancestor;
  if (page.test.state == SettingsPage::Test::State::kSent) {
    frame.script = PageFrame::Script::kSettings;
  }
  data body;
  body.set("title", frame.title);
  body.set("path", page.path);
  body.set("page_token", page.page_token);
  body.set("member_id", page.member_id);
  body.set("fields", std::string(page_sources::kFieldsHtml));
  SetOutcome(body, page);
  SetLine(body, page);
  SetPortal(body, page);
  SetLines(body, page);
  SetTest(body, page);
  SetDeletions(body, page);
  return PageAnswer(frame, mustache{std::string(page_sources::kSettingsHtml)}.render(body));
}

}  // namespace imrelay
