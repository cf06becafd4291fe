#include "app/doctor_portals.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "app/service.h"
#include "bitrix24/methods.h"
#include "bitrix24/offline_methods.h"
#include "store/sqlite/sqlite_store.h"

namespace imrelay {
namespace {

constexpr std::chrono::seconds kPatience{10};       // of one call
constexpr std::chrono::seconds kMendPatience{120};  // of a registration
constexpr std::size_t kMostLines = 50;              // asked of a portal

constexpr const char* kCheck = "portals";

std::optional<std::string> CellOf(const Table& table, std::size_t row, std::string_view column) {
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i] == column) return table.rows[row][i].text;
  }
  return std::nullopt;
}

std::int64_t NumberOf(const std::string& text) {
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// "connector, event ONAPPUPDATE (access_denied)": what was not done, and why.
std::string NotDone(const std::vector<Step>& steps) {
  std::string text;
  for (const Step& step : steps) {
    if (!step.done) text += (text.empty() ? "" : ", ") + step.what + " (" + step.word + ')';
  }
  return text;
}

CallResultOf<ApplicationState> StateOf(const CallResultOf<AppInfo>& info) {
  if (!info) return FailCall(info.error());
  return ApplicationState{info->installed, info->payment_expired};
}

CallResultOf<std::int64_t> CountOf(const CallResultOf<OfflinePage>& page) {
  if (!page) return FailCall(page.error());
  return page->total;
}

}  // namespace

Findings CheckPortals(const Config& config, PortalMends mends) {
  Result<std::unique_ptr<SqliteStore>> store = SqliteStore::OpenExisting(config.database_path);
  Result<Keyring> keyring = Keyring::Open(config.key_file);
  if (!store || !keyring) return {};
  Service service{*std::move(store), *std::move(keyring)};
  const SystemClock clock;
  Result<std::unique_ptr<Bitrix24Side>> side = Bitrix24Side::Open(config, service, clock);
  if (!side) return {};
  SqliteStore& all = *service.store;
  return PortalRounds({all, all, all, all}, **side, clock).Examine(mends);
}

PortalRounds::PortalRounds(Stores stores, Bitrix24Side& side, const Clock& clock)
    : store_(stores.store),
      portals_(stores.portals),
      offline_(stores.offline),
      readback_(stores.readback),
      side_(side),
      clock_(clock) {}

Findings PortalRounds::Examine(PortalMends mends) {
  Result<std::vector<PortalAccess>> portals = portals_.ListAccess();
  if (!portals) {
    return {Broken(kCheck, "", portals.error().message, "see the checks of the database")};
  }
  if (portals->empty()) {
    return {Warn(kCheck, "", "none has installed the application yet",
                 "install it in Bitrix24 as an administrator, with the handler address above")};
  }
  imrelay::Mend mend;
  if (mends != PortalMends::kNone) {
    mend = [this, mends](const Remedy& remedy) { return Mend(remedy, mends); };
  }
  Findings findings;
  for (const PortalAccess& portal : *portals) {
    const auto look = [this, &portal] { return Look(portal.member_id); };
    Append(findings, imrelay::Examine(look, mend));
  }
  return findings;
}

Findings PortalRounds::Look(const MemberId& member_id) {
  Result<std::optional<PortalAccess>> portal = portals_.FindAccess(member_id);
  if (!portal) {
    return {Broken(kCheck, member_id.value(), portal.error().message,
                   "see the checks of the database")};
  }
  if (!*portal) return {};  // removed meanwhile
  PortalSight sight;
  sight.portal = **std::move(portal);
  sight.connector = side_.registrar.connector().id;
  sight.fingerprint = side_.registrar.Fingerprint(sight.portal.application);
  AskDatabase(sight);
  const auto application = side_.applications.find(sight.portal.application);
  sight.application_configured = application != side_.applications.end() &&
                                 !application->second.client_id.empty() &&
                                 !application->second.client_secret.empty();
  if (!sight.application_configured) {
    sight.application_problem = sight.portal.application.empty()
                                    ? "the application of [bitrix24] is not configured"
                                    : "the application \"" + sight.portal.application +
                                          "\" that it installed is not configured";
  } else if (sight.portal.status == PortalStatus::kActive) {
    AskPortal(sight);
    // A call can find out that the portal is dead, or uninstalled.
    Result<std::optional<PortalAccess>> now = portals_.FindAccess(member_id);
    if (now && *now) sight.portal = **std::move(now);
  }
  return CheckPortal(sight, clock_.Now());
}

void PortalRounds::AskDatabase(PortalSight& sight) {
  if (Result<Registration> found = portals_.FindRegistration(sight.portal.id)) {
    sight.registration = *std::move(found);
  }
  if (Result<DeletionOutlook> found = portals_.FindOutlook(sight.portal.id, clock_.Now())) {
    sight.outlook = *found;
  }
  if (Result<OfflineQueueState> found = offline_.FindOfflineQueue(sight.portal.id)) {
    sight.queue = *std::move(found);
  }
  if (Result<ReadbackCounts> found = readback_.CountReadback(sight.portal.id)) {
    sight.readback = *found;
  }
  ReportQuery query;
  query.member_id = sight.portal.member_id.value();
  query.limit = 1000;
  query.what = ReportQuery::What::kWaitingInstallations;
  if (const Result<Table> waiting = store_.Report(query); waiting && !waiting->rows.empty()) {
    sight.installations_waiting = static_cast<int>(waiting->rows.size());
    sight.waiting_reason = CellOf(*waiting, 0, "last_error").value_or("");
  }
  query.what = ReportQuery::What::kLines;
  const Result<Table> lines = store_.Report(query);
  if (!lines) return;
  for (std::size_t row = 0; row < lines->rows.size() && sight.lines.size() < kMostLines; ++row) {
    if (CellOf(*lines, row, "connector") != sight.connector) continue;
    if (CellOf(*lines, row, "status") != "active") continue;
    sight.lines.emplace_back(NumberOf(CellOf(*lines, row, "line_id").value_or("0")));
  }
}

void PortalRounds::AskPortal(PortalSight& sight) {
  const auto ask = [this, &sight](const Call& call) {
    return side_.api.Send(sight.portal.member_id, call, kPatience);
  };
  sight.application = StateOf(ReadAppInfo(ask(GetAppInfo())));
  // Whatever keeps this call from working keeps the others from it too.
  if (!sight.application->has_value()) return;
  sight.scope = ReadScope(ask(GetScope()));
  sight.connectors = ReadConnectors(ask(ListConnectors()));
  sight.bindings = side_.registrar.Inspect(sight.portal, kPatience);
  sight.offline_queue = ReadFeature(ask(GetFeature(kOfflineExtended)));
  sight.queued = CountOf(ReadOfflinePage(ask(ListOffline(0, 0, false))));
  for (const LineId line : sight.lines) {
    sight.line_status.emplace(line.value(),
                              side_.registrar.FindLineStatus(sight.portal, line, kPatience));
  }
}

Result<std::string> PortalRounds::Mend(const Remedy& remedy, PortalMends mends) {
  Result<std::optional<PortalAccess>> portal = portals_.FindAccess(MemberId(remedy.subject));
  if (!portal) return Fail(std::move(portal).error());
  if (!*portal) return Fail(ErrorCode::kNotFound, "no such portal");
  if (remedy.act == Remedy::Act::kRenewTokens) {
    Result<Tokens::Access> renewed = side_.tokens.Renew((*portal)->member_id, (*portal)->chain);
    if (!renewed) return Fail(std::move(renewed).error());
    return "renewed its tokens";
  }
  if (remedy.act == Remedy::Act::kRegister) {
    if (mends != PortalMends::kAll) {
      return Fail(ErrorCode::kConflict, "left alone: the public URL does not lead here");
    }
    const std::vector<Step> steps = side_.registrar.Ensure(**portal, kMendPatience);
    if (AllDone(steps)) return "registered the connector and bound its events";
    return Fail(ErrorCode::kUnavailable, "not done: " + NotDone(steps));
  }
  if (remedy.act == Remedy::Act::kActivateLine) {
    return ActivateLine(**portal, LineId(NumberOf(remedy.detail)));
  }
  return Fail(ErrorCode::kInternal, "no remedy of a portal");
}

Result<std::string> PortalRounds::ActivateLine(const PortalAccess& portal, LineId line) {
  const std::vector<Step> steps = side_.registrar.SetLine(portal, line, true, kMendPatience);
  if (!AllDone(steps)) return Fail(ErrorCode::kUnavailable, "not done: " + NotDone(steps));
  // Bitrix24 does it in the background, after its answer.
  for (int tries = 0; tries < 20; ++tries) {
    const CallResultOf<LineStatus> status = side_.registrar.FindLineStatus(portal, line, kPatience);
    if (!status || !status->error) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
  }
  return "activated the connector on line " + std::to_string(line.value());
}

}  // namespace imrelay
