#include "install/registrar.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "base/failpoint.h"
#include "base/file_lock.h"
#include "bitrix24/endpoint.h"
#include "bitrix24/methods.h"
#include "crypto/digest.h"
#include "install/upkeep.h"

namespace imrelay {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;

// Far from the slots of Tokens, who lock a portal while we hold our lock on it.
constexpr std::int64_t kFirstSlot = std::int64_t{1} << 40;
constexpr minutes kAgainSoon{5};    // after what passes by itself
constexpr minutes kAgainLater{60};  // after what somebody has to mend

// Whether no other call would fare better.
bool IsAway(const CallError& error) {
  constexpr std::string_view kAway[] = {"token_dead",     "uninstalled",    "unknown_portal",
                                        "not_installed",  "not_configured", "invalid_client",
                                        "address_refused"};
  switch (error.fault) {
    case Fault::kLater:
      return error.word != "operation_time_limit";  // of one method
    case Fault::kForbidden:
      return std::find(std::begin(kAway), std::end(kAway), error.word) != std::end(kAway);
    case Fault::kPermanent:
      return false;
    default:
      return true;
  }
}

bool IsSameUrl(const std::string& one, const std::string& other) {
  if (one == other) return true;
  const std::optional<Endpoint> a = ParseEndpoint(one);
  const std::optional<Endpoint> b = ParseEndpoint(other);
  return a && b && a->Url() == b->Url();
}

// Whether an address is one that HandlerUrl makes for the page "event", of any service.
bool IsOfOurKind(const std::string& url) {
  const std::optional<Endpoint> endpoint = ParseEndpoint(url);
  if (!endpoint || !endpoint->path.ends_with("/event")) return false;
  std::string_view path = endpoint->path;
  path.remove_suffix(std::string_view("/event").size());
  if (path.ends_with("/bitrix24")) return true;
  const std::size_t slash = path.rfind('/');
  if (slash == path.npos) return false;
  const std::string_view name = path.substr(slash + 1);
  return !name.empty() &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-") == name.npos &&
         path.substr(0, slash).ends_with("/bitrix24");
}

// An address fit for logs and pages: a portal may keep anything there, and a query may be a secret.
std::string Shown(const EventHandler& row) {
  constexpr std::size_t kLongest = 200;
  std::string shown = row.event + ' ' + row.url.substr(0, row.url.find_first_of("?#"));
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  if (shown.size() > kLongest) shown.resize(kLongest);
  return shown;
}

template <class Events>
bool IsAmong(const Events& events, std::string_view event) {
  return std::find(std::begin(events), std::end(events), event) != std::end(events);
}

// What is bound, beside what is wanted.
struct Comparison {
  std::vector<std::string> missing;
  std::vector<std::string> missing_offline;
  std::vector<EventHandler> stale;
  std::vector<EventHandler> others;
};

Comparison Compare(const std::vector<EventHandler>& rows, const std::string& wanted) {
  Comparison found;
  for (const std::string_view event : kOnlineEvents) {
    std::vector<const EventHandler*> ours;
    for (const EventHandler& row : rows) {
      if (!row.offline && row.event == event && IsSameUrl(row.url, wanted)) ours.push_back(&row);
    }
    if (ours.empty()) found.missing.emplace_back(event);
    // Of several the one stays that is bound for nobody in particular, as we bind it.
    std::stable_partition(ours.begin(), ours.end(),
                          [](const EventHandler* row) { return row->auth_type == "0"; });
    for (std::size_t i = 1; i < ours.size(); ++i) found.stale.push_back(*ours[i]);
  }
  for (const std::string_view event : kOfflineEvents) {
    const bool kept = std::any_of(rows.begin(), rows.end(), [event](const EventHandler& row) {
      return row.offline && row.event == event;
    });
    if (!kept) found.missing_offline.emplace_back(event);
  }
  for (const EventHandler& row : rows) {
    if (row.offline || IsSameUrl(row.url, wanted)) continue;
    (IsOfOurKind(row.url) ? found.stale : found.others).push_back(row);
  }
  return found;
}

std::vector<std::string> ShownAll(const std::vector<EventHandler>& rows) {
  std::vector<std::string> shown;
  std::transform(rows.begin(), rows.end(), std::back_inserter(shown), Shown);
  return shown;
}

ConnectorCard CardOf(const ConnectorSettings& connector, std::string_view application) {
  return {connector.id, connector.name, connector.icon,
          HandlerUrl(connector, application, "settings")};
}

}  // namespace

std::string HandlerUrl(const ConnectorSettings& connector, std::string_view application,
                       std::string_view page) {
  std::string url = connector.public_url + "/bitrix24/";
  if (!application.empty()) url.append(application).push_back('/');
  return url.append(page);
}

bool AllDone(const std::vector<Step>& steps) {
  return std::all_of(steps.begin(), steps.end(), [](const Step& step) { return step.done; });
}

// The calls of one registration, within one patience, and what came of them.
class Registrar::Attempt {
 public:
  Attempt(PortalApi& api, const MemberId& member_id, milliseconds patience)
      : api_(api),
        member_id_(member_id),
        deadline_(std::chrono::steady_clock::now() + std::max(patience, milliseconds(0))) {}

  CallResult Send(const Call& call) {
    const auto left =
        std::chrono::duration_cast<milliseconds>(deadline_ - std::chrono::steady_clock::now());
    if (left <= milliseconds(0) && sent_) {
      return FailCall({Fault::kLater, "no_time", "the portal answers too slowly for one attempt"});
    }
    sent_ = true;
    return api_.Send(member_id_, call, std::max(left, milliseconds(0)));
  }

  void NoteDone(std::string what) { steps_.push_back({std::move(what), true, {}}); }
  void NoteFailed(std::string what, std::string word) {
    steps_.push_back({std::move(what), false, std::move(word)});
  }
  // Returns whether going on is of use.
  bool Note(std::string what, const CallResultOf<void>& done) {
    if (done) {
      NoteDone(std::move(what));
      return true;
    }
    const CallError& error = done.error();
    passes_ = passes_ && (error.fault == Fault::kLater || error.fault == Fault::kMoved);
    not_before_ = std::max(not_before_, error.not_before);
    NoteFailed(std::move(what), error.word);
    return !IsAway(error);
  }

  const std::vector<Step>& steps() const { return steps_; }
  // When to try again, as far as something failed.
  TimePoint Next(TimePoint now) const {
    const TimePoint next = now + (passes_ ? kAgainSoon : kAgainLater);
    return std::max(next, not_before_.value_or(next));
  }

 private:
  PortalApi& api_;
  const MemberId& member_id_;
  const std::chrono::steady_clock::time_point deadline_;
  std::vector<Step> steps_;
  bool sent_ = false;
  bool passes_ = true;
  std::optional<TimePoint> not_before_;
};

Registrar::Registrar(PortalApi& api, PortalStore& store, ConnectorSettings connector,
                     std::string lock_file, const Clock& clock)
    : api_(api),
      store_(store),
      connector_(std::move(connector)),
      lock_file_(std::move(lock_file)),
      clock_(clock) {}

std::vector<Step> Registrar::Ensure(const PortalAccess& portal, milliseconds patience) {
  Attempt attempt(api_, portal.member_id, patience);
  std::optional<Result<FileLock>> lock;
  if (connector_.public_url.empty()) {
    attempt.NoteFailed("public_url", "no_public_url");
  } else {
    lock = FileLock::Wait(lock_file_, kFirstSlot + portal.id.value(), patience);
    if (!*lock) {
      // Who has it records what comes of it.
      static_cast<void>(store_.ScheduleUpkeep(portal, clock_.Now() + kAgainSoon));
      const std::string& reason = lock->error().reason;
      return {{"lock", false, reason.empty() ? "unavailable" : reason}};
    }
    Bring(attempt, portal.application);
  }
  Failpoint("install.registered");
  if (!Record(portal, attempt)) attempt.NoteFailed("record", "unavailable");
  return attempt.steps();
}

void Registrar::Bring(Attempt& attempt, const std::string& application) const {
  const std::string url = HandlerUrl(connector_, application, "event");
  const Call registration = RegisterConnector(CardOf(connector_, application));
  if (!attempt.Note("connector", ReadDone(attempt.Send(registration)))) return;
  CallResultOf<std::vector<EventHandler>> rows =
      ReadEventHandlers(attempt.Send(GetEventHandlers()));
  // Binding what is bound already is no error, so what is bound need not be known.
  if (!rows && !attempt.Note("events", FailCall(rows.error()))) return;
  const Comparison found = Compare(rows ? *rows : std::vector<EventHandler>(), url);
  for (const std::string_view event : kOnlineEvents) {
    const std::string what = "event " + std::string(event);
    if (!IsAmong(found.missing, event)) {
      attempt.NoteDone(what);
    } else if (!attempt.Note(what, ReadBound(attempt.Send(BindEvent(event, url))))) {
      return;
    }
  }
  for (const std::string_view event : kOfflineEvents) {
    const std::string what = "offline " + std::string(event);
    if (!IsAmong(found.missing_offline, event)) {
      attempt.NoteDone(what);
    } else if (!attempt.Note(what, ReadBound(attempt.Send(BindOffline(event, url))))) {
      return;
    }
  }
  // Last, so that no event is without an address meanwhile.
  for (const EventHandler& row : found.stale) {
    if (!attempt.Note("stale " + Shown(row), ReadDone(attempt.Send(UnbindEvent(row))))) return;
  }
}

Status Registrar::Record(const PortalAccess& portal, const Attempt& attempt) {
  const TimePoint now = clock_.Now();
  const std::vector<Step>& steps = attempt.steps();
  const auto failed =
      std::find_if(steps.begin(), steps.end(), [](const Step& step) { return !step.done; });
  Registration done;
  done.fingerprint = Fingerprint(portal.application);
  TimePoint next = now + kUpkeepEvery;
  if (failed != steps.end()) {
    done.problem = failed->what + ": " + failed->word;
    next = attempt.Next(now);
  }
  return store_.RecordRegistration(portal, done, now, next);
}

CallResultOf<Bindings> Registrar::Inspect(const PortalAccess& portal, milliseconds patience) {
  if (connector_.public_url.empty()) {
    return FailCall({Fault::kForbidden, "no_public_url", "bitrix24.public_url is not configured"});
  }
  const CallResultOf<std::vector<EventHandler>> rows =
      ReadEventHandlers(api_.Send(portal.member_id, GetEventHandlers(), patience));
  if (!rows) return FailCall(rows.error());
  Comparison found = Compare(*rows, HandlerUrl(connector_, portal.application, "event"));
  return Bindings{std::move(found.missing), std::move(found.missing_offline), ShownAll(found.stale),
                  ShownAll(found.others)};
}

std::vector<Step> Registrar::SetLine(const PortalAccess& portal, LineId line, bool active,
                                     milliseconds patience) {
  // Bitrix24 takes any number there.
  if (line.value() <= 0) return {{"line", false, "bad_line"}};
  const ConnectorId connector(connector_.id);
  Attempt attempt(api_, portal.member_id, patience);
  const CallResult activated = attempt.Send(ActivateConnector(connector, line, active));
  attempt.Note("line", ReadDone(activated));
  if (!AllDone(attempt.steps())) return attempt.steps();
  if (active) {
    const Call data = SetConnectorData(connector, line, connector_.name);
    attempt.Note("data", ReadDone(attempt.Send(data)));
  }
  if (!store_.SetLine(portal.id, connector, line, active, clock_.Now())) {
    attempt.NoteFailed("lines", "unavailable");
  }
  return attempt.steps();
}

CallResultOf<LineStatus> Registrar::FindLineStatus(const PortalAccess& portal, LineId line,
                                                   milliseconds patience) {
  const Call call = GetConnectorStatus(ConnectorId(connector_.id), line);
  const CallResultOf<ConnectorStatus> status =
      ReadConnectorStatus(api_.Send(portal.member_id, call, patience));
  if (!status) return FailCall(status.error());
  return LineStatus{status->configured, status->active, status->error};
}

std::string Registrar::Fingerprint(std::string_view application) const {
  const std::string url = HandlerUrl(connector_, application, "event");
  std::vector<std::string> wanted = {RegisterConnector(CardOf(connector_, application)).parameters};
  for (const std::string_view event : kOnlineEvents) {
    wanted.push_back(BindEvent(event, url).parameters);
  }
  for (const std::string_view event : kOfflineEvents) {
    wanted.push_back(BindOffline(event, url).parameters);
  }
  const std::vector<std::string_view> parts(wanted.begin(), wanted.end());
  const auto digest = Digest(parts);
  return Base64({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

}  // namespace imrelay
