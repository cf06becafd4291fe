#include "web/pages.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "codec/json.h"
#include "codec/page_opening.h"
#include "web/install_page.h"
#include "web/page_layout.h"

namespace imrelay {
namespace {

constexpr int kPageThreads = 4;
constexpr std::size_t kLongestQueue = 32;
constexpr std::size_t kLongestWord = 100;
// Leaves time for the registration after it.
constexpr std::chrono::seconds kProofPatience{12};
// Where it fails, the portal is asked all the same.
constexpr std::chrono::seconds kHealPatience{8};

std::string WordOf(const Error& error) {
  if (!error.reason.empty()) return error.reason;
  return error.code == ErrorCode::kUnavailable ? "unavailable" : "internal";
}

int HttpStatusOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return 400;
    case ErrorCode::kUnauthenticated:
    case ErrorCode::kNotFound:
      return 403;
    case ErrorCode::kRateLimited:
    case ErrorCode::kUnavailable:
      return 503;
    case ErrorCode::kConflict:
    case ErrorCode::kInternal:
      break;
  }
  return 500;
}

// Whether a refusal tells that the tokens were the claimed portal's: only then was their user, or
// their right, looked at.
bool IsOfProvenTokens(const std::string& reason) {
  constexpr std::string_view kReasons[] = {"already_installed", "not_admin", "not_allowed",
                                           "refresh_token_lost"};
  return std::find(std::begin(kReasons), std::end(kReasons), reason) != std::end(kReasons);
}

std::string FirstProblem(const std::vector<Step>& steps) {
  const auto failed =
      std::find_if(steps.begin(), steps.end(), [](const Step& step) { return !step.done; });
  return failed == steps.end() ? std::string() : failed->what + ": " + failed->word;
}

}  // namespace

// One post of a browser.
struct Pages::Asked {
  PageKind kind = PageKind::kInstall;
  std::string application;
  std::string path;
  std::string remote_address;
  bool is_action = false;
  PostedAction action;                              // where it is one
  Result<PostedOpening> opening = PostedOpening();  // where it is none
  MemberId claimed;
  Language language = Language::kEnglish;  // as claimed
  Moment begin = std::chrono::steady_clock::now();

  PageName page() const {
    return {kind == PageKind::kInstall ? "install" : "settings", application};
  }

  // What is left of the time that the page may take.
  std::chrono::milliseconds left() const {
    const auto spent = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - begin);
    return std::max(kLongestPage - spent, std::chrono::milliseconds(0));
  }
};

// What is logged of it.
struct Pages::Told {
  MemberId member_id;  // as claimed, until it is proven
  bool proven = false;
  std::int64_t user_id = 0;
  std::string status = "shown";
  std::string reason = {};
  bool quiet = false;
};

void Pages::LogPage(const Asked& asked, const Told& told, int http) {
  Log(http >= 500   ? LogLevel::kError
      : http >= 400 ? LogLevel::kWarning
                    : LogLevel::kInfo,
      "page",
      {{"page", asked.page().page},
       {"action", asked.is_action ? asked.action.action : "open"},
       {"status", told.status},
       {"http", std::to_string(http)},
       {"member_id", told.member_id.value()},
       {"user_id", std::to_string(told.user_id)},
       {"reason", told.reason},
       {"remote", asked.remote_address},
       {"ms", std::to_string((kLongestPage - asked.left()).count())}});
}

Pages::Pages(Visits& visits, Registrar& registrar, PortalApi& api, PortalStore& portals,
             Store& store)
    : visits_(visits),
      registrar_(registrar),
      api_(api),
      portals_(portals),
      store_(store),
      pool_(kPageThreads, kLongestQueue) {}

void Pages::Stop() { pool_.Stop(); }

void Pages::Handle(PageKind kind, const std::string& application, const Request& request, Tree body,
                   Reply reply) {
  const auto asked = std::make_shared<Asked>();
  asked->kind = kind;
  asked->application = application;
  asked->path = request.path;
  asked->remote_address = request.remote_address;
  asked->is_action = IsPageAction(body);
  if (asked->is_action) {
    asked->action = DecodeAction(request.query, body);
    asked->claimed = asked->action.member_id;
    asked->language = LanguageOf(asked->action.language);
  } else {
    asked->opening = DecodeOpening(request.query, body);
    if (asked->opening) asked->claimed = asked->opening->member_id;
    asked->language =
        LanguageOf(asked->opening ? asked->opening->language : LanguageAskedFor(request.query));
  }
  const auto answer = [this, asked, reply](bool late) {
    Told told;
    told.member_id = asked->claimed;
    // Nobody waits for an answer that would come after nginx has given up.
    const bool busy = late || asked->left() < std::chrono::seconds(1);
    Response response =
        busy ? Refuse(*asked, {ErrorCode::kUnavailable, "too many pages wait", "busy"}, told)
             : Answer(*asked, told);
    if (!told.quiet) LogPage(*asked, told, response.status);
    reply(std::move(response));
  };
  if (!pool_.Add(answer)) answer(true);
}

Response Pages::Answer(const Asked& asked, Told& told) {
  const Result<Visitor> visitor = FindVisitor(asked);
  if (!visitor) return Refuse(asked, visitor.error(), told);
  told.member_id = visitor->member_id;
  told.proven = true;
  told.user_id = visitor->user_id;
  if (asked.kind == PageKind::kInstall) return AnswerInstall(asked, *visitor, told);
  if (asked.action.action == "test-result") return AnswerTestResult(asked, *visitor, told);
  return AnswerSettings(asked, *visitor, told);
}

Result<Visitor> Pages::FindVisitor(const Asked& asked) {
  if (asked.is_action) return visits_.Verify(asked.action.page_token, asked.page());
  if (!asked.opening) return Fail(asked.opening.error());
  const PostedOpening& posted = *asked.opening;
  PageOpening opening;
  opening.application = asked.application;
  opening.member_id = posted.member_id;
  opening.access_token = posted.access_token;
  opening.refresh_token = posted.refresh_token;
  opening.application_token = posted.application_token;
  opening.server_endpoint = posted.server_endpoint;
  // Another connector's line is none of ours; Bitrix24 may be told to open us in its place.
  if (posted.connector.value() == registrar_.connector().id) {
    opening.connector = posted.connector.value();
    opening.line = posted.line;
  }
  opening.language = posted.language;
  const bool installs = asked.kind == PageKind::kInstall;
  const auto patience =
      std::min<std::chrono::milliseconds>(installs ? kProofPatience : kHealPatience, asked.left());
  return installs ? visits_.Install(opening, patience) : visits_.Admit(opening, patience);
}

// It may have been uninstalled, or have become another application's, since the page was opened.
Result<PortalAccess> Pages::FindPortal(const Asked& asked, const Visitor& visitor) {
  Result<std::optional<PortalAccess>> portal = portals_.FindAccess(visitor.member_id);
  if (!portal) return Fail(std::move(portal).error());
  if (!*portal || (*portal)->status == PortalStatus::kUninstalled) {
    return Fail(ErrorCode::kUnauthenticated, "uninstalled", "uninstalled");
  }
  if ((*portal)->application != asked.application) {
    return Fail(ErrorCode::kUnauthenticated, "another application's", "other_application");
  }
  return **std::move(portal);
}

// Where a refusal may be shown in a frame: a page that names its portal's address tells it to
// everybody who knows a member_id.
std::string Pages::AncestorOf(const Asked& asked, const Error& error, const Told& told) {
  std::optional<MemberId> member_id;
  if (told.proven || (!asked.is_action && IsOfProvenTokens(error.reason))) {
    member_id = told.member_id;
  } else if (asked.is_action) {
    member_id = visits_.SignedFor(asked.action.page_token);
  }
  if (!member_id) return {};
  const Result<std::optional<PortalAccess>> portal = portals_.FindAccess(*member_id);
  return portal && *portal ? OriginOf((*portal)->client_endpoint) : std::string();
}

Response Pages::Refuse(const Asked& asked, const Error& error, Told& told) {
  const bool installed = error.reason == "already_installed";
  told.status = installed ? "shown" : "refused";
  told.reason = error.reason.empty() ? error.message : error.reason;
  PageFrame frame;
  frame.status = installed ? 200 : HttpStatusOf(error.code);
  frame.language = asked.language;
  const bool installs = asked.kind == PageKind::kInstall && !asked.is_action && asked.opening;
  const bool undecided = error.code == ErrorCode::kUnavailable;
  frame.title = TextOf(frame.language, installed   ? "installed_title"
                                       : !installs ? "refused_title"
                                       : undecided ? "install_waiting"
                                                   : "install_refused");
  frame.ancestor = AncestorOf(asked, error, told);
  return NoticeAnswer(frame, Explain(frame.language, WordOf(error).substr(0, kLongestWord)));
}

Response Pages::AnswerInstall(const Asked& asked, const Visitor& visitor, Told& told) {
  const Result<PortalAccess> portal = FindPortal(asked, visitor);
  if (!portal) return Refuse(asked, portal.error(), told);
  InstallPage page;
  page.language = LanguageOf(visitor.language);
  page.ancestor = OriginOf(portal->client_endpoint);
  page.path = asked.path + "?LANG=" + std::string(LanguageCode(page.language));
  page.page_token = visits_.Sign(visitor, asked.page());
  page.member_id = visitor.member_id.value();
  page.connector_name = registrar_.connector().name;
  page.steps = registrar_.Ensure(*portal, asked.left());
  told.status = AllDone(page.steps) ? "done" : "incomplete";
  told.reason = FirstProblem(page.steps);
  return InstallAnswer(page);
}

Response Pages::AnswerSettings(const Asked& asked, const Visitor& visitor, Told& told) {
  Result<PortalAccess> portal = FindPortal(asked, visitor);
  if (!portal) return Refuse(asked, portal.error(), told);
  SettingsPage page;
  page.language = LanguageOf(visitor.language);
  page.path = asked.path + "?LANG=" + std::string(LanguageCode(page.language));
  page.page_token = visits_.Sign(visitor, asked.page());
  page.member_id = visitor.member_id.value();
  page.connector_name = registrar_.connector().name;
  page.line = visitor.line;
  Act(asked, *portal, page, told);
  // What was done may have changed it.
  portal = FindPortal(asked, visitor);
  if (!portal) return Refuse(asked, portal.error(), told);
  const Status filled = FillIn(asked, *portal, page);
  if (!filled) return Refuse(asked, filled.error(), told);
  return SettingsAnswer(page);
}

void Pages::Act(const Asked& asked, const PortalAccess& portal, SettingsPage& page, Told& told) {
  const std::string& action = asked.action.action;
  if ((action == "connect" || action == "disconnect") && page.line.value() > 0) {
    return ActOnLine(asked, portal, page, told);
  }
  if (action == "register") {
    std::vector<Step> steps = registrar_.Ensure(portal, asked.left());
    const bool good = AllDone(steps);
    told.status = good ? "done" : "incomplete";
    told.reason = FirstProblem(steps);
    page.outcome = {good, TextOf(page.language, good ? "registered_now" : "not_registered_now"),
                    std::move(steps)};
  } else if (action == "test") {
    BeginTest(asked, portal, page);
    told.status = page.test.state == SettingsPage::Test::State::kSent ? "done" : "incomplete";
    told.reason = page.test.word;
  } else if (action == "look" && asked.action.after > 0) {
    page.test.after = asked.action.after;
    const Result<bool> arrived = HasTestArrived(portal.member_id, page.test.after);
    page.test.state = arrived && *arrived ? SettingsPage::Test::State::kArrived
                                          : SettingsPage::Test::State::kSent;
  }
}

void Pages::ActOnLine(const Asked& asked, const PortalAccess& portal, SettingsPage& page,
                      Told& told) {
  const bool active = asked.action.action == "connect";
  std::vector<Step> steps = registrar_.SetLine(portal, page.line, active, asked.left());
  const bool good = AllDone(steps);
  told.status = good ? "done" : "incomplete";
  told.reason = FirstProblem(steps);
  // Bitrix24 carries it out after it has answered, so asking now could tell the state before.
  if (good) page.line_status = LineStatus{active, active, false};
  const std::string key = std::string(good ? "" : "not_") + (active ? "connected" : "disconnected");
  page.outcome = {good, TextOf(page.language, key + "_now", {std::to_string(page.line.value())}),
                  std::move(steps)};
}

void Pages::BeginTest(const Asked& asked, const PortalAccess& portal, SettingsPage& page) {
  using State = SettingsPage::Test::State;
  ReportQuery newest;
  newest.what = ReportQuery::What::kEvents;
  newest.limit = 1;
  const Result<Table> events = store_.Report(newest);
  if (!events) {
    page.test = {State::kFailed, 0, WordOf(events.error())};
    return;
  }
  if (!events->rows.empty()) {
    const std::optional<std::string>& id = events->rows.front().front().text;
    page.test.after = std::atoll(id.value_or("0").c_str());
  }
  page.test.after = std::max<std::int64_t>(page.test.after, 1);
  const CallResult called = api_.Send(portal.member_id, {"event.test"}, asked.left());
  page.test.state = called ? State::kSent : State::kFailed;
  if (!called) page.test.word = called.error().word;
}

Result<bool> Pages::HasTestArrived(const MemberId& member_id, std::int64_t after) {
  ReportQuery query;
  query.what = ReportQuery::What::kEventsAfter;
  query.member_id = member_id.value();
  query.event = WireName(EventKind::kAppTest);
  query.event_id = after;
  query.limit = 1;
  const Result<Table> events = store_.Report(query);
  if (!events) return Fail(events.error());
  return !events->rows.empty();
}

Status Pages::FillIn(const Asked& asked, const PortalAccess& portal, SettingsPage& page) {
  page.ancestor = OriginOf(portal.client_endpoint);
  page.portal_status = portal.status;
  page.domain = portal.domain;
  Result<Registration> registration = portals_.FindRegistration(portal.id);
  if (!registration) return Fail(std::move(registration).error());
  page.registration = *std::move(registration);
  page.outdated = !page.registration.fingerprint.empty() &&
                  page.registration.fingerprint != registrar_.Fingerprint(portal.application);
  const Result<DeletionOutlook> outlook = portals_.FindOutlook(portal.id, SystemClock().Now());
  if (!outlook) return Fail(outlook.error());
  page.outlook = *outlook;

  ReportQuery query;
  query.member_id = portal.member_id.value();
  const bool on_line = page.line.value() > 0;
  query.what = on_line ? ReportQuery::What::kDeletions : ReportQuery::What::kLines;
  if (on_line) {
    query.connector = registrar_.connector().id;
    query.line_id = page.line.value();
    query.limit = kShownDeletions;
  }
  Result<Table> rows = store_.Report(query);
  if (!rows) return Fail(std::move(rows).error());
  (on_line ? page.deletions : page.lines) = *std::move(rows);
  if (!on_line || page.line_status) return {};

  const CallResultOf<LineStatus> status =
      registrar_.FindLineStatus(portal, page.line, asked.left());
  if (status) {
    page.line_status = *status;
  } else {
    page.line_word = status.error().word;
  }
  return {};
}

Response Pages::AnswerTestResult(const Asked& asked, const Visitor& visitor, Told& told) {
  const Result<bool> arrived = HasTestArrived(visitor.member_id, asked.action.after);
  if (!arrived) return Refuse(asked, arrived.error(), told);
  told.status = "arrived";
  told.quiet = !*arrived;  // asked every other second
  Response response;
  JsonWriter json;
  json.BeginObject().Key("arrived").Bool(*arrived).EndObject();
  response.body = json.Take();
  response.headers = {{"Cache-Control", "no-store"}, {"X-Content-Type-Options", "nosniff"}};
  return response;
}

}  // namespace imrelay
