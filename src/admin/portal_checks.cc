#include "admin/portal_checks.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "admin/failed_calls.h"
#include "install/upkeep.h"

namespace imrelay {
namespace {

using Act = Remedy::Act;

constexpr const char* kDue = "the worker does it by itself; at once: imrelay doctor --fix";
constexpr const char* kRegisterAgain = "imrelay doctor --fix registers and binds again";

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

std::string Days(std::chrono::milliseconds time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::days>(time).count()) + " days";
}

class Judge {
 public:
  Judge(const PortalSight& sight, TimePoint now)
      : sight_(sight), now_(now), subject_(NameOf(sight.portal)) {}

  Findings All() {
    JudgeStatus();
    JudgeWaiting();
    if (sight_.portal.status != PortalStatus::kActive &&
        sight_.portal.status != PortalStatus::kDead) {
      return std::move(findings_);
    }
    if (sight_.portal.status == PortalStatus::kActive) {
      JudgeTokens();
      JudgeApplication();
      JudgeScope();
      JudgeConnector();
      JudgeBindings();
      JudgeLines();
      JudgeOfflineQueue();
      JudgeQueueReads();
      JudgeReadback();
    }
    JudgeLastEvent();
    JudgeDeletions();
    return std::move(findings_);
  }

 private:
  void Say(Finding finding) { findings_.push_back(std::move(finding)); }
  void SayOk(const char* check, std::string found) { Say(Ok(check, subject_, std::move(found))); }
  // Every installation takes away what is known to be registered.
  bool IsRegistrationDue() const {
    return sight_.registration.fingerprint.empty() && sight_.registration.problem.empty();
  }
  Remedy Fix(Act act, std::string detail = {}) const {
    return {act, sight_.portal.member_id.value(), std::move(detail)};
  }
  // The answer, or null: a refusal is told, and what was not asked is passed over.
  template <class T>
  const T* Answer(const char* check, const Asked<T>& asked) {
    if (!asked) return nullptr;
    if (asked->has_value()) return &**asked;
    Say(OfFailure(check, subject_, asked->error()));
    return nullptr;
  }

  void JudgeStatus();
  void JudgeWaiting();
  void JudgeTokens();
  void JudgeApplication();
  void JudgeScope();
  void JudgeConnector();
  void JudgeBindings();
  void JudgeLines();
  void JudgeOfflineQueue();
  void JudgeQueueReads();
  void JudgeReadback();
  void JudgeLastEvent();
  void JudgeDeletions();

  const PortalSight& sight_;
  const TimePoint now_;
  const std::string subject_;
  Findings findings_;
};

void Judge::JudgeStatus() {
  const PortalAccess& portal = sight_.portal;
  switch (portal.status) {
    case PortalStatus::kActive:
      if (!sight_.application_configured) {
        return Say(Broken("portal", subject_, sight_.application_problem,
                          "give its client_id and client_secret in the configuration"));
      }
      return SayOk("portal", "active, at " + portal.client_endpoint);
    case PortalStatus::kDead:
      return Say(Broken("portal", subject_,
                        "dead: its tokens work no more (" +
                            (portal.dead_reason.empty() ? "unknown" : portal.dead_reason) +
                            "); events still come in, calls are impossible",
                        kOpenOnce));
    case PortalStatus::kPending:
      return Say(Warn("portal", subject_, "pending: no installation of it is proven",
                      "see its installation below; where nothing waits any more, it was refused "
                      "or forged: imrelay portal remove " +
                          portal.member_id.value()));
    case PortalStatus::kUninstalled:
      break;
  }
  SayOk("portal", "uninstalled; its events are refused");
}

void Judge::JudgeWaiting() {
  if (sight_.installations_waiting == 0) return;
  const std::string found = std::to_string(sight_.installations_waiting) +
                            " installation(s) wait for their proof" +
                            (sight_.waiting_reason.empty() ? "" : ": " + sight_.waiting_reason);
  const bool credentials = sight_.waiting_reason.find("not_configured") != std::string::npos ||
                           sight_.waiting_reason.find("client") != std::string::npos;
  Say(Warn("installation", subject_, found,
           credentials ? "set client_id and client_secret as the application's card in Bitrix24 "
                         "shows them, then restart the worker"
                       : "the worker tries by itself for seven days; see the checks of the worker "
                         "and of the authorization servers"));
}

void Judge::JudgeTokens() {
  const PortalAccess& portal = sight_.portal;
  if (portal.sealed_refresh_token.empty()) {
    return Say(Broken("tokens", subject_, "there is no refresh token", kOpenOnce));
  }
  if (!portal.tokens_granted_at) {
    return Say(Warn("tokens", subject_, "nobody knows when they were granted",
                    "imrelay doctor --fix renews them", Fix(Act::kRenewTokens)));
  }
  const std::chrono::milliseconds age = now_ - *portal.tokens_granted_at;
  const std::string found = "granted " + FormatUtc(*portal.tokens_granted_at) + ", " + Days(age) +
                            " ago, good for " + Days(kRefreshTokenLife - age) + " more";
  if (age >= kRefreshTokenLife) {
    return Say(Broken("tokens", subject_, "ran out: granted " + Days(age) + " ago, good for 180",
                      kOpenOnce, Fix(Act::kRenewTokens)));
  }
  if (age >= kTokenTooOld) {
    return Say(Warn("tokens", subject_, found,
                    "the worker renews them after 120 days: is it running? see its log",
                    Fix(Act::kRenewTokens)));
  }
  SayOk("tokens", found);
}

void Judge::JudgeApplication() {
  const ApplicationState* state = Answer("application", sight_.application);
  if (state == nullptr) return;
  if (!state->installed) {
    return Say(Broken("application", subject_,
                      "its installation was never finished, so Bitrix24 sends no events at all",
                      "as an administrator, open the application in Bitrix24 and let its page "
                      "finish; an application without a page needs the option \"uses the API "
                      "only\" on its card"));
  }
  if (state->payment_expired) {
    return Say(Broken("application", subject_,
                      "its subscription has expired, so Bitrix24 sends no events at all",
                      "renew it in the portal's marketplace"));
  }
  SayOk("application", "installed, and its installation finished");
}

void Judge::JudgeScope() {
  const std::vector<std::string>* scope = Answer("scope", sight_.scope);
  if (scope == nullptr) return;
  const auto has = [scope](std::string_view name) {
    return std::find(scope->begin(), scope->end(), name) != scope->end();
  };
  std::vector<std::string> missing;
  for (const char* name : {"imconnector", "imopenlines"}) {
    if (!has(name)) missing.emplace_back(name);
  }
  if (missing.empty() && has("im")) return SayOk("scope", "imconnector, imopenlines, im");
  if (missing.empty()) {
    return Say(
        Warn("scope", subject_,
             "imconnector and imopenlines, but not im: operators are not told of failed "
             "deletions",
             "add im to the rights on the application's card in Bitrix24, then open it once; "
             "or set tell_operator = false"));
  }
  Say(Broken("scope", subject_, "not granted: " + Joined(missing),
             "add " + Joined(missing) +
                 " to the rights on the application's card in Bitrix24, then open it once"));
}

void Judge::JudgeConnector() {
  const Registration& registration = sight_.registration;
  const std::vector<ConnectorId>* connectors = Answer("connector", sight_.connectors);
  if (connectors == nullptr) return;
  const std::string id = "\"" + sight_.connector + "\"";
  if (IsRegistrationDue()) {
    return Say(Warn("connector", subject_, id + ": its registration is due after an installation",
                    kDue, Fix(Act::kRegister)));
  }
  const ConnectorId wanted(sight_.connector);
  if (std::find(connectors->begin(), connectors->end(), wanted) == connectors->end()) {
    return Say(Broken("connector", subject_, id + " is not registered in the portal",
                      kRegisterAgain, Fix(Act::kRegister)));
  }
  if (!registration.problem.empty()) {
    return Say(Broken("connector", subject_,
                      "the last registration failed: " + registration.problem, kRegisterAgain,
                      Fix(Act::kRegister)));
  }
  if (registration.fingerprint != sight_.fingerprint) {
    return Say(Warn("connector", subject_,
                    id + " was registered with other settings than the present ones",
                    kRegisterAgain, Fix(Act::kRegister)));
  }
  // REST tells of no flags, so only what we did is known.
  SayOk("connector", id +
                         " was registered by this service with EDIT_INTERNAL_MESSAGES and "
                         "DEL_INTERNAL_MESSAGES" +
                         (registration.done_at ? " on " + FormatUtc(*registration.done_at) : ""));
}

void Judge::JudgeBindings() {
  const Bindings* bindings = Answer("bindings", sight_.bindings);
  if (bindings == nullptr) return;
  bool well = true;
  if (!bindings->missing.empty()) {
    well = false;
    const std::string found = "do not reach this service: " + Joined(bindings->missing);
    Say(IsRegistrationDue()
            ? Warn("bindings", subject_, found, kDue, Fix(Act::kRegister))
            : Broken("bindings", subject_, found, kRegisterAgain, Fix(Act::kRegister)));
  }
  if (!bindings->missing_offline.empty()) {
    well = false;
    Say(Warn("offline bindings", subject_,
             "no queue that keeps what is lost: " + Joined(bindings->missing_offline),
             kRegisterAgain, Fix(Act::kRegister)));
  }
  if (!bindings->stale.empty()) {
    well = false;
    Say(Warn("stale bindings", subject_,
             "go to a former address of this service: " + Joined(bindings->stale),
             "imrelay doctor --fix unbinds them", Fix(Act::kRegister)));
  }
  if (!bindings->others.empty()) {
    Say(Ok("foreign bindings", subject_,
           "somebody else's handlers, left alone: " + Joined(bindings->others)));
  }
  if (well) SayOk("bindings", "every event reaches this service");
}

void Judge::JudgeLines() {
  if (sight_.lines.empty()) {
    return Say(Warn("lines", subject_,
                    "no line is known to use the connector \"" + sight_.connector +
                        "\", the one of connector.id",
                    "in Bitrix24, open the Contact Center, choose the connector and connect it to "
                    "an open line"));
  }
  for (const auto& [number, status] : sight_.line_status) {
    const std::string check = "line " + std::to_string(number);
    if (!status) {
      Say(OfFailure(check, subject_, status.error()));
    } else if (!status->configured) {
      Say(Broken(check, subject_, "switched off in Bitrix24 (left alone: it may be meant so)",
                 "connect it again in the Contact Center"));
    } else if (status->error) {
      Say(Broken(check, subject_,
                 "Bitrix24 has marked the connector as faulty; nothing goes through",
                 "connect it again in the Contact Center",
                 Fix(Act::kActivateLine, std::to_string(number))));
    } else if (!status->active) {
      Say(Broken(check, subject_, "configured, but Bitrix24 does not call it active",
                 "see the check of the connector; then connect it again in the Contact Center"));
    } else {
      Say(Ok(check, subject_, "active"));
    }
  }
}

void Judge::JudgeOfflineQueue() {
  if (!sight_.offline_queue || !sight_.offline_queue->has_value()) return;
  SayOk("offline licence",
        **sight_.offline_queue
            ? "rest_offline_extended is part of the plan"
            : "rest_offline_extended is not part of the plan; the plain queue is "
              "used");
}

void Judge::JudgeQueueReads() {
  const std::int64_t* queued = Answer("offline queue", sight_.queued);
  if (queued == nullptr) return;
  const OfflineQueueState& queue = sight_.queue;
  const std::string found = std::to_string(*queued) + " events wait in it, last read " +
                            (queue.read_at ? FormatUtc(*queue.read_at) : std::string("never"));
  if (!queue.problem.empty()) {
    return Say(Warn("offline queue", subject_,
                    "the last read of what Bitrix24 lost failed: " + queue.problem + "; " + found,
                    queue.problem == "access_denied"
                        ? "an administrator of the portal has to open the application once"
                        : "it is tried again by itself; see the log of the worker"));
  }
  // A portal that was installed a moment ago has not had its turn yet.
  const std::optional<TimePoint> since =
      queue.read_at ? queue.read_at : sight_.portal.tokens_granted_at;
  if (!since || now_ - *since > kQueueUnreadTooLong) {
    return Say(Warn("offline queue", subject_, found,
                    "a running worker reads it every ten minutes; start one, and look into its "
                    "log"));
  }
  SayOk("offline queue", found);
}

void Judge::JudgeReadback() {
  const ReadbackCounts& counts = sight_.readback;
  if (counts.waiting == 0 && counts.refused == 0) return;
  std::string found = std::to_string(counts.waiting) + " confirmed messages are to be read back";
  if (counts.refused > 0) {
    found +=
        "; " + std::to_string(counts.refused) +
        " chats may not be read by the user who installed the application, because they take "
        "no part in them: a message deleted there before its confirmation stays in the channel";
  }
  SayOk("reading back", std::move(found));
}

void Judge::JudgeLastEvent() {
  const PortalAccess& portal = sight_.portal;
  const std::string mend =
      "answer a client in an open line and see whether the event arrives: imrelay event list; if "
      "not, see the checks of the public URL, the application and the bindings";
  if (!portal.last_event_at) {
    return Say(Warn("last event", subject_, "none has arrived since the installation", mend));
  }
  const std::chrono::milliseconds ago = now_ - *portal.last_event_at;
  const std::string found = FormatUtc(*portal.last_event_at) + ", " + Days(ago) + " ago";
  if (ago < kSilentTooLong) return SayOk("last event", found);
  Say(Warn("last event", subject_, found, mend));
}

void Judge::JudgeDeletions() {
  const DeletionOutlook& outlook = sight_.outlook;
  if (outlook.sent == 0) {
    return SayOk("deletions",
                 "no operator's message older than an hour is known, so nothing can be said");
  }
  const std::string many = outlook.sent >= kOutlookLimit ? "at least " : "";
  const std::string found =
      many + std::to_string(outlook.with_external_id) + " of " + std::to_string(outlook.sent) +
      " operators' messages have an external id" +
      (outlook.last_deletion_at ? ", last deletion " + FormatUtc(*outlook.last_deletion_at) : "");
  if (outlook.last_deletion_at && now_ - *outlook.last_deletion_at <= kDeletionOfLate) {
    return SayOk("deletions", "arrive: " + found);
  }
  const std::string mend =
      "confirm every delivery with imconnector.send.status.delivery and give the external ids in "
      "message.id: the first confirmation alone counts, and without ids Bitrix24 never tells of a "
      "deletion";
  if (outlook.with_external_id == 0) {
    const std::string none =
        "imrelay knows no external ids: deliveries must be confirmed to Bitrix24 with them (" +
        found + ')';
    return Say(outlook.Hopeless() ? Broken("deletions", subject_, none, mend)
                                  : Warn("deletions", subject_, none, mend));
  }
  if (2 * outlook.with_external_id < outlook.sent) {
    return Say(Warn("deletions", subject_, "can arrive for few messages: " + found, mend));
  }
  SayOk("deletions", "can arrive: " + found);
}

}  // namespace

std::string NameOf(const PortalAccess& portal) {
  const std::string& member_id = portal.member_id.value();
  return portal.domain.empty() ? member_id : member_id + " (" + portal.domain + ')';
}

Findings CheckPortal(const PortalSight& sight, TimePoint now) { return Judge(sight, now).All(); }

}  // namespace imrelay
