#include "ingest/ingest.h"

#include <memory>
#include <utility>

#include "base/await.h"
#include "codec/event_decoder.h"
#include "crypto/digest.h"
#include "ingest/changes.h"
#include "ingest/event_key.h"

namespace imrelay {
namespace {

// Anyone can post an installation, and it is kept until it is proven or refused. A real one has
// about 1 KB, its tokens and addresses less than 100 bytes each.
constexpr std::size_t kMaxInstallationBytes = 4 << 10;
constexpr std::size_t kMaxServerEndpointBytes = 255;

std::string_view View(const TokenHash& hash) {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

Error HeldBack() { return {ErrorCode::kUnavailable, "others wait before it", kHeldBack}; }

bool Equal(const std::optional<TokenHash>& known, const TokenHash& token) {
  return known && EqualInConstantTime(*known, token);
}

bool IsInstallation(const Event& event) {
  return event.kind == EventKind::kAppInstall || event.kind == EventKind::kAppUpdate;
}

bool FitsAnInstallation(const Event& event, const JournalEntry& journal) {
  return journal.body.size() <= kMaxInstallationBytes &&
         event.auth.access_token.Reveal().size() + event.auth.refresh_token.Reveal().size() <=
             kMaxInstallationBytes;
}

// An uninstallation that is older than the installation it would end: it was overtaken.
bool IsStaleUninstall(const Event& event, const Portal& portal) {
  return event.kind == EventKind::kAppUninstall && event.ts && portal.installed_ts &&
         *event.ts < *portal.installed_ts;
}

// A journalled event. It was read before it was journalled; should that ever fail now, it must not
// stand in the way of the others, so it comes out as unusable.
std::pair<Tree, Event> Reread(const JournalEntry& journal, const MemberId& member_id) {
  const std::string& body = journal.body;
  std::pair<Tree, Event> read;
  read.second.unusable = "unreadable";
  read.second.name = journal.name;
  if (Result<Tree> tree = ParseBody(FormatOfJournalled(body), body); tree) {
    if (Result<Event> event = DecodeEvent(*tree); event) {
      read = {*std::move(tree), *std::move(event)};
    }
  }
  read.second.auth.member_id = member_id;
  return read;
}

}  // namespace

Ingest::Ingest(Store& store, const Keyring& keyring, const Clock& clock, Hold* hold)
    : store_(store), keyring_(keyring), clock_(clock), hold_(hold), portals_(store) {}

void Ingest::Receive(BodyFormat format, std::string_view body, const Arrival& arrival,
                     Claimed& claimed, Done done) {
  Result<Tree> tree = ParseBody(format, body);
  if (!tree) return done(Fail(std::move(tree).error()));
  Result<Event> event = DecodeEvent(*tree);
  if (!event) return done(Fail(std::move(event).error()));
  claimed = {event->name, event->auth.member_id.value()};
  if (event->auth.member_id.value().empty()) {
    return done(Fail(ErrorCode::kUnauthenticated, "the event names no portal", "unknown_portal"));
  }
  if (event->auth.application_token.empty()) {
    return done(
        Fail(ErrorCode::kUnauthenticated, "the event has no application_token", "wrong_token"));
  }
  if (Waits(arrival)) hold_->LookAround();
  JournalEntry journal;
  journal.name = event->name;
  journal.source = arrival.source;
  journal.received_at = arrival.received_at.value_or(clock_.Now());
  journal.ts = event->ts;
  journal.body = WithoutTokens(format, body);
  Posted posted;
  const std::string data = CanonicalData(*tree);
  posted.key = KeyOf(*event, data);
  posted.content = ContentKeyOf(*event, data);
  if (IsInstallation(*event)) {
    return ReceiveInstallation(*event, posted.key, arrival, std::move(journal), std::move(done));
  }
  posted.token = keyring_.Hash(event->auth.application_token,
                               SealPurpose("application_token", event->auth.member_id));
  posted.event = *std::move(event);
  Result<std::optional<std::string>> heals = Heals(posted, journal);
  if (!heals) {
    return Refuse(arrival, posted.event.auth.member_id, std::move(heals).error(), std::move(done));
  }
  if (*heals) {
    Arrival healing = arrival;
    healing.application = **heals;
    return ReceiveInstallation(posted.event, posted.key, healing, std::move(journal),
                               std::move(done));
  }
  ReceiveFromPortal(std::move(posted), arrival, std::move(journal), std::move(done));
}

void Ingest::ReceiveInstallation(const Event& event, const EventKey& key, const Arrival& arrival,
                                 JournalEntry journal, Done done) {
  if (!FitsAnInstallation(event, journal)) {
    return done(
        Fail(ErrorCode::kInvalidArgument, "an installation has at most 4 KiB", "body_too_large"));
  }
  const MemberId& member_id = event.auth.member_id;
  const auto seal = [&](const Secret& token, std::string_view what) {
    return keyring_.Seal(token, SealPurpose(what, member_id));
  };
  InstallationRequest request;
  request.member_id = member_id;
  request.application = arrival.application;
  request.token =
      keyring_.Hash(event.auth.application_token, SealPurpose("application_token", member_id));
  const TokenHash refresh =
      keyring_.Hash(event.auth.refresh_token, SealPurpose("refresh_token", member_id));
  journal.key = SaltedKey(key, View(request.token), View(refresh), arrival.application);
  request.journal = std::move(journal);
  request.sealed_access_token = seal(event.auth.access_token, "access_token");
  if (!event.auth.refresh_token.empty()) {
    request.sealed_refresh_token = seal(event.auth.refresh_token, "refresh_token");
  }
  if (event.auth.server_endpoint.size() <= kMaxServerEndpointBytes) {
    request.server_endpoint = event.auth.server_endpoint;
  }
  const auto commit = [this, request = std::move(request)](const std::atomic<bool>* unless,
                                                           Done told) {
    InstallationRequest handed = request;
    handed.unless = unless;
    store_.AddInstallation(std::move(handed), std::move(told));
  };
  Hand(arrival, member_id, true, commit, std::move(done));
}

bool Ingest::Waits(const Arrival& arrival) const {
  return hold_ != nullptr && arrival.source == EventSource::kWebhook && !arrival.may_overtake;
}

void Ingest::Hand(const Arrival& arrival, const MemberId& member_id, bool installs, Commit commit,
                  Done done) {
  if (!Waits(arrival)) return commit(arrival.unless, std::move(done));
  const auto told = [hold = hold_, member_id, installs, done](Result<Committed> committed) {
    if (committed) return done(std::move(committed));
    Error error = std::move(committed).error();
    if (error.code == ErrorCode::kUnauthenticated && hold->MayProve(member_id)) {
      error = HeldBack();
    }
    if (error.code == ErrorCode::kUnavailable) {
      if (installs) hold->NoteInstallation(member_id);
      if (error.reason != kHeldBack) hold->Raise();
    }
    done(Fail(std::move(error)));
  };
  hold_->Pass([this, commit = std::move(commit), told] { commit(&hold_->flag(), told); },
              [told] { told(Fail(HeldBack())); });
}

void Ingest::Refuse(const Arrival& arrival, const MemberId& member_id, Error error, Done done) {
  const bool away = error.code == ErrorCode::kUnavailable;
  const bool waits =
      Waits(arrival) &&
      (away || (error.code == ErrorCode::kUnauthenticated && hold_->MayProve(member_id)));
  if (!waits) return done(Fail(std::move(error)));
  if (away) hold_->Raise();
  // Where others are parked, behind them.
  const auto divert = [done = std::move(done)] { done(Fail(HeldBack())); };
  const auto divert_after_all = [hold = hold_, divert] {
    hold->Raise();
    divert();
  };
  hold_->Pass(divert_after_all, divert);
}

Result<std::optional<std::string>> Ingest::Heals(const Posted& posted,
                                                 const JournalEntry& journal) {
  // What changes something is not held up by a proof.
  const bool can_heal = !posted.event.auth.refresh_token.empty() &&
                        ChangesOf(posted.event).empty() &&
                        FitsAnInstallation(posted.event, journal);
  if (!can_heal) return std::optional<std::string>();
  // Fresh: a remembered portal may have died since. Such events are rare.
  Result<std::shared_ptr<const Portal>> portal = portals_.FindFresh(posted.event.auth.member_id);
  if (!portal) return Fail(std::move(portal).error());
  if (*portal == nullptr || (*portal)->status != PortalStatus::kDead ||
      Identify(**portal, posted.token).kind != Sender::Kind::kPortal) {
    return std::optional<std::string>();
  }
  for (const WaitingInstallation& waiting : (*portal)->waiting) {
    if (EqualInConstantTime(waiting.token, posted.token)) return std::optional<std::string>();
  }
  if (!MayHeal((*portal)->id)) return std::optional<std::string>();
  // Not that of the path: an event counts at any.
  return std::optional((*portal)->application);
}

bool Ingest::MayHeal(PortalId portal) {
  const TimePoint now = clock_.Now();
  const std::lock_guard lock(mutex_);
  const auto [begun, is_first] = healing_begun_.emplace(portal, now);
  if (is_first) return true;
  // A time to come is that of a clock that was set back since.
  if (begun->second <= now && now - begun->second < kHealingPause) return false;
  begun->second = now;
  return true;
}

Ingest::Sender Ingest::Identify(const Portal& portal, const TokenHash& token) {
  // Every comparison is made, whichever matches, so that the time tells nothing.
  const bool current = Equal(portal.token, token);
  const bool former = Equal(portal.previous_token, token);
  Sender sender;
  for (const WaitingInstallation& waiting : portal.waiting) {
    if (EqualInConstantTime(waiting.token, token)) {
      sender = {Sender::Kind::kWaiting, waiting.id};
    }
  }
  const bool installed =
      portal.status == PortalStatus::kActive || portal.status == PortalStatus::kDead;
  if (installed && current) return {Sender::Kind::kPortal, {}};
  if (installed && former) return {Sender::Kind::kFormerToken, {}};
  if (sender.kind == Sender::Kind::kWaiting) return sender;
  if (portal.status == PortalStatus::kUninstalled && current) {
    return {Sender::Kind::kUninstalled, {}};
  }
  return {};
}

void Ingest::SetChanges(const Event& event, const Portal& portal, const Sender& sender,
                        Plan& plan) {
  plan.portal = portal.id;
  plan.revision = portal.revision;
  plan.forget_previous_token =
      sender.kind == Sender::Kind::kPortal && portal.previous_token.has_value();
  plan.offline_queue_filled = event.kind == EventKind::kOfflineEvent;
  plan.ignored = false;
  plan.changes.clear();
  plan.journal.reason.clear();
  if (event.skipped > 0) plan.journal.reason = std::to_string(event.skipped) + "_elements_skipped";
  if (!event.unusable.empty()) {
    plan.ignored = true;
    plan.journal.reason = event.unusable;
  } else if (event.kind == EventKind::kAppUninstall &&
             (sender.kind == Sender::Kind::kFormerToken || IsStaleUninstall(event, portal))) {
    plan.ignored = true;
    plan.journal.reason = "former_installation";
  } else {
    plan.changes = ChangesOf(event);
  }
}

Status Ingest::PlanFor(const Posted& posted, const Portal* portal, Plan& plan) {
  if (portal == nullptr) {
    return Fail(ErrorCode::kUnauthenticated, "no such portal has installed the application",
                "unknown_portal");
  }
  const Sender sender = Identify(*portal, posted.token);
  if (sender.kind == Sender::Kind::kNobody) {
    return Fail(ErrorCode::kUnauthenticated, "the application_token is not this portal's",
                "wrong_token");
  }
  SetChanges(posted.event, *portal, sender, plan);
  plan.journal.key = posted.key;
  plan.likeness = Likeness{posted.content};
  plan.only_known = sender.kind == Sender::Kind::kUninstalled;
  plan.waits_for.reset();
  if (sender.kind == Sender::Kind::kWaiting) {
    plan.waits_for = sender.installation;
    plan.ignored = false;
    plan.offline_queue_filled = false;
    plan.changes.clear();
    plan.journal.key = SaltedKey(posted.key, View(posted.token));
  }
  return {};
}

void Ingest::ReceiveFromPortal(Posted posted, const Arrival& arrival, JournalEntry journal,
                               Done done) {
  const MemberId member_id = posted.event.auth.member_id;
  const auto kept = std::make_shared<const Posted>(std::move(posted));
  Plan plan;
  plan.member_id = member_id;
  plan.journal = std::move(journal);
  Result<std::shared_ptr<const Portal>> portal = portals_.Find(member_id);
  if (!portal) return Refuse(arrival, member_id, std::move(portal).error(), std::move(done));
  Status planned = PlanFor(*kept, portal->get(), plan);
  if (!planned) {
    // The remembered portal may be older than a new installation.
    portal = portals_.FindFresh(member_id);
    if (!portal) return Refuse(arrival, member_id, std::move(portal).error(), std::move(done));
    planned = PlanFor(*kept, portal->get(), plan);
  }
  if (!planned) return Refuse(arrival, member_id, std::move(planned).error(), std::move(done));
  const auto replan = [this, kept](Plan& refused, const Portal* now) {
    portals_.Forget(kept->event.auth.member_id);
    return PlanFor(*kept, now, refused);
  };
  const auto whole = std::make_shared<Plan>(std::move(plan));
  const auto commit = [this, whole, replan](const std::atomic<bool>* unless, Done told) {
    whole->unless = unless;
    store_.Commit(std::move(*whole), replan, std::move(told));
  };
  Hand(arrival, member_id, false, commit, std::move(done));
}

Result<Committed> Ingest::CommitJournalled(const Event& event, Plan plan) {
  const auto replan = [&event](Plan& refused, const Portal* portal) -> Status {
    if (portal == nullptr) {
      return Fail(ErrorCode::kNotFound, "the portal of a journalled event is gone");
    }
    SetChanges(event, *portal, {Sender::Kind::kPortal, {}}, refused);
    refused.only_known = portal->status == PortalStatus::kUninstalled;
    // What we fetched ourselves tells nothing of the token that events come with.
    const bool fetched = refused.journal.source == EventSource::kOffline ||
                         refused.journal.source == EventSource::kReadback;
    if (fetched) refused.forget_previous_token = false;
    return {};
  };
  Result<std::shared_ptr<const Portal>> portal = portals_.FindFresh(plan.member_id);
  if (!portal) return Fail(std::move(portal).error());
  if (Status planned = replan(plan, portal->get()); !planned) {
    return Fail(std::move(planned).error());
  }
  return Await<Result<Committed>>(
      [&](Done done) { store_.Commit(std::move(plan), replan, std::move(done)); });
}

Status Ingest::ApplyWaiting(const WaitingEvent& waiting) {
  const auto [tree, event] = Reread(waiting.journal, waiting.member_id);
  Plan plan;
  plan.member_id = waiting.member_id;
  plan.journal = waiting.journal;
  const std::string data = CanonicalData(tree);
  plan.journal.key = KeyOf(event, data);
  plan.likeness = Likeness{ContentKeyOf(event, data)};
  plan.waited = waiting.id;
  Result<Committed> committed = CommitJournalled(event, std::move(plan));
  if (!committed) return Fail(std::move(committed).error());
  return {};
}

Result<Committed> Ingest::Replay(const JournalledEvent& journalled) {
  const Event event = Reread(journalled.journal, journalled.member_id).second;
  Plan plan;
  plan.member_id = journalled.member_id;
  plan.journal = journalled.journal;
  plan.replayed = journalled.id;
  return CommitJournalled(event, std::move(plan));
}

}  // namespace imrelay
