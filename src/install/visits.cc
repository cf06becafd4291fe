#include "install/visits.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <thread>
#include <utility>
#include <vector>

#include "base/await.h"
#include "crypto/digest.h"

namespace imrelay {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;

constexpr milliseconds kPoll{50};
// As for a posted ONAPPINSTALL: a real one's tokens have less than 100 bytes each.
constexpr std::size_t kMaxTokenBytes = 4 << 10;
constexpr std::size_t kMaxServerEndpointBytes = 255;
constexpr std::size_t kMaxNameBytes = 100;
constexpr std::size_t kMaxPageTokenBytes = 1024;
constexpr const char* kPageToken = "page_token";
// Two calls to the portal are made beside, and the page has to be shown in time.
constexpr milliseconds kOwnerPatience{4000};

std::string_view View(const TokenHash& hash) {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

tl::unexpected<Error> Refuse(const std::string& reason) {
  return Fail(ErrorCode::kUnauthenticated, "the page was opened by nobody we let in", reason);
}

tl::unexpected<Error> Later(const std::string& reason) {
  return Fail(ErrorCode::kUnavailable, "who opened the page cannot be told yet", reason);
}

// What is said of a method that a server does not have; some answer so with an error.
bool IsUnknownMethod(const std::string& word) {
  return word == "error_method_not_found" || word == "method_not_found";
}

// One of the few who may wait for a proof; for as long as it lives.
class WaitingPlace {
 public:
  explicit WaitingPlace(std::atomic<int>& taken)
      : taken_(taken), has_(taken.fetch_add(1) < kProofsAwaited) {}
  ~WaitingPlace() { taken_.fetch_sub(1); }
  WaitingPlace(const WaitingPlace&) = delete;
  WaitingPlace& operator=(const WaitingPlace&) = delete;

  explicit operator bool() const { return has_; }

 private:
  std::atomic<int>& taken_;
  const bool has_;
};

// The same opening has the same key; a forged one with other tokens never has.
InstallationRequest RequestOf(const PageOpening& opening, const Keyring& keyring, TimePoint now) {
  const MemberId& member_id = opening.member_id;
  const auto hash = [&](const Secret& token, std::string_view what) {
    return keyring.Hash(token, SealPurpose(what, member_id));
  };
  const TokenHash access = hash(opening.access_token, "access_token");
  const TokenHash refresh = hash(opening.refresh_token, "refresh_token");
  const TokenHash application_token = hash(opening.application_token, "application_token");
  InstallationRequest request;
  request.journal.name = "PAGE_OPENED";
  const std::array<std::string_view, 6> parts{request.journal.name, member_id.value(),
                                              opening.application,  View(access),
                                              View(refresh),        View(application_token)};
  request.journal.key = Digest(parts);
  request.journal.received_at = now;
  request.member_id = member_id;
  request.application = opening.application;
  request.has_token = !opening.application_token.empty();
  request.token =
      request.has_token ? application_token : hash(opening.refresh_token, "no_application_token");
  request.sealed_access_token =
      keyring.Seal(opening.access_token, SealPurpose("access_token", member_id));
  request.sealed_refresh_token =
      keyring.Seal(opening.refresh_token, SealPurpose("refresh_token", member_id));
  if (opening.server_endpoint.size() <= kMaxServerEndpointBytes) {
    request.server_endpoint = opening.server_endpoint;
  }
  return request;
}

// Fields one behind the other, each with its length in front, so that none can reach into another.
void Append(std::string& text, std::string_view field) {
  text += std::to_string(field.size());
  text += ':';
  text += field;
}

std::optional<std::vector<std::string>> Fields(std::string_view text) {
  std::vector<std::string> fields;
  while (!text.empty()) {
    std::size_t size = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
    const auto digits = static_cast<std::size_t>(end - text.data());
    if (error != std::errc() || digits == text.size() || *end != ':') return std::nullopt;
    text.remove_prefix(digits + 1);
    if (size > text.size()) return std::nullopt;
    fields.emplace_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  return fields;
}

std::optional<std::int64_t> Number(const std::string& text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

Visits::Visits(Store& store, PortalStore& portals, const Keyring& keyring,
               AuthorizationServer& authorization_server, PortalCalls& calls,
               const Applications& applications, const Clock& clock)
    : store_(store),
      portals_(portals),
      keyring_(keyring),
      authorization_server_(authorization_server),
      calls_(calls),
      applications_(applications),
      clock_(clock) {}

Visitor Visits::VisitorOf(const PageOpening& opening, std::int64_t user_id) const {
  return {opening.member_id, user_id,          opening.connector,
          opening.line,      opening.language, clock_.Now() + kPageTokenLife};
}

Result<Visitor> Visits::Install(const PageOpening& opening, milliseconds patience) {
  Result<Proof> proof = Prove(opening, patience);
  if (!proof) return Fail(std::move(proof).error());
  Result<PortalAccess> portal = FindPortal(opening);
  if (!portal) return Fail(std::move(portal).error());
  const bool dead = portal->status == PortalStatus::kDead;
  if (*proof == Proof::kRepeated) {
    // What an opening once was is not for ever what it is.
    Result<Visitor> visitor = AskPortal(opening);
    if (visitor || dead) return visitor;
    return Fail(ErrorCode::kConflict, "the opening was proven before, and its tokens are used up",
                "already_installed");
  }
  // Lost on the way; see Prover.
  if (dead) return Refuse("refresh_token_lost");
  return VisitorOf(opening, 0);
}

Result<Visitor> Visits::Admit(const PageOpening& opening, milliseconds patience) {
  Result<PortalAccess> portal = FindPortal(opening);
  if (!portal) return Fail(std::move(portal).error());
  if (portal->status != PortalStatus::kDead || opening.refresh_token.empty()) {
    return AskPortal(opening);
  }
  Result<Proof> proof = Prove(opening, patience);
  if (proof && *proof == Proof::kFresh) {
    portal = FindPortal(opening);
    if (portal && portal->status == PortalStatus::kActive) return VisitorOf(opening, 0);
  }
  Result<Visitor> visitor = AskPortal(opening);
  if (visitor || proof) return visitor;
  return Fail(std::move(proof).error());
}

Result<Visits::Proof> Visits::Prove(const PageOpening& opening, milliseconds patience) {
  if (opening.access_token.empty() || opening.refresh_token.empty()) return Refuse("no_tokens");
  const std::size_t bytes = opening.access_token.Reveal().size() +
                            opening.refresh_token.Reveal().size() +
                            opening.application_token.Reveal().size();
  if (bytes > kMaxTokenBytes || opening.member_id.value().size() > kMaxNameBytes) {
    return Refuse("too_long");
  }
  const WaitingPlace place(awaited_);
  Result<Committed> posted = Await<Result<Committed>>([&](Store::Done done) {
    store_.AddInstallation(RequestOf(opening, keyring_, clock_.Now()), std::move(done));
  });
  if (!posted) return Fail(std::move(posted).error());
  bool repeated = posted->answer == Committed::Answer::kDuplicate;
  for (milliseconds waited{0};; waited += kPoll) {
    Result<InstallationState> state = portals_.FindInstallationState(posted->event);
    if (!state) return Fail(std::move(state).error());
    if (state->stage == InstallationState::Stage::kRefused) return Refuse(state->reason);
    if (state->stage == InstallationState::Stage::kProven) {
      return repeated ? Proof::kRepeated : Proof::kFresh;
    }
    // Nobody mends the configuration while a page waits.
    if (waited >= patience || state->reason == "not_configured") {
      return Later(state->reason.empty() ? "waiting" : state->reason);
    }
    if (!place) return Later("too_many_waiting");
    repeated = false;
    std::this_thread::sleep_for(std::min(kPoll, patience - waited));
  }
}

Result<PortalAccess> Visits::FindPortal(const PageOpening& opening) {
  Result<std::optional<PortalAccess>> found = portals_.FindAccess(opening.member_id);
  if (!found) return Fail(std::move(found).error());
  if (!*found || (*found)->status == PortalStatus::kPending) return Refuse("unknown_portal");
  if ((*found)->status == PortalStatus::kUninstalled) return Refuse("uninstalled");
  if ((*found)->application != opening.application) return Refuse("other_application");
  return **std::move(found);
}

Result<Visitor> Visits::AskPortal(const PageOpening& opening) {
  Result<PortalAccess> portal = FindPortal(opening);
  if (!portal) return Fail(std::move(portal).error());
  if (opening.access_token.empty()) return Refuse("no_tokens");
  if (opening.access_token.Reveal().size() > kMaxTokenBytes) return Refuse("too_long");
  if (!MayAsk(portal->id)) return Later("too_many_visits");
  const auto failed = [](const CallError& error, const std::string& word) {
    // Where the portal moved to, its own calls find out.
    const bool later = error.fault == Fault::kLater || error.fault == Fault::kMoved;
    return later ? Later(error.word) : Refuse(word);
  };
  const CallResultOf<TokenUser> user =
      calls_.Profile(portal->client_endpoint, opening.access_token);
  if (!user) return failed(user.error(), user.error().word);
  if (Status owner = CheckOwner(opening, *portal); !owner) return Fail(std::move(owner).error());
  const CallResult connectors =
      calls_.Send(portal->client_endpoint, opening.access_token, {"imconnector.list"});
  if (!connectors) return failed(connectors.error(), "not_allowed");
  return VisitorOf(opening, user->user_id);
}

Status Visits::CheckOwner(const PageOpening& opening, const PortalAccess& portal) {
  const auto application = applications_.find(portal.application);
  if (application == applications_.end() || application->second.client_id.empty()) {
    return Later("not_configured");
  }
  const Result<TokenOwner> owner =
      authorization_server_.AppInfo(opening.access_token, portal.server_endpoint, kOwnerPatience);
  if (!owner) {
    const Error& error = owner.error();
    const bool refused =
        error.code == ErrorCode::kUnauthenticated && !IsUnknownMethod(error.reason);
    return refused ? Status(Refuse(error.reason)) : Status();
  }
  if (owner->client_id && *owner->client_id != application->second.client_id) {
    return Refuse("other_application");
  }
  if (owner->member_id && *owner->member_id != portal.member_id) return Refuse("member_mismatch");
  return {};
}

bool Visits::MayAsk(PortalId portal) {
  const TimePoint now = clock_.Now();
  const std::lock_guard lock(mutex_);
  std::deque<TimePoint>& asked = asked_[portal];
  // Times to come are those of a clock that was set back since.
  const auto is_past = [now](TimePoint time) { return time > now || now - time >= minutes(1); };
  asked.erase(std::remove_if(asked.begin(), asked.end(), is_past), asked.end());
  if (asked.size() >= kVisitsPerMinute) return false;
  asked.push_back(now);
  return true;
}

std::string Visits::Sign(const Visitor& visitor, const PageName& page) const {
  std::string text;
  Append(text, page.page);
  Append(text, page.application);
  Append(text, std::to_string(UnixSeconds(visitor.until)));
  Append(text, visitor.member_id.value());
  Append(text, std::to_string(visitor.user_id));
  Append(text, visitor.connector.substr(0, kMaxNameBytes));
  Append(text, std::to_string(visitor.line.value()));
  Append(text, visitor.language.substr(0, kMaxNameBytes));
  const TokenHash hash = keyring_.Hash(Secret(text), kPageToken);
  return Base64(std::string(View(hash)) + text);
}

Result<Visits::Signed> Visits::Open(std::string_view page_token) const {
  const tl::unexpected<Error> bad =
      Fail(ErrorCode::kUnauthenticated, "the page's token is none of ours", "bad_page_token");
  if (page_token.size() > kMaxPageTokenBytes) return bad;
  const std::optional<std::string> bytes = FromBase64(page_token);
  TokenHash claimed{};
  if (!bytes || bytes->size() < claimed.size()) return bad;
  std::copy_n(bytes->begin(), claimed.size(), claimed.begin());
  const std::string text = bytes->substr(claimed.size());
  if (!EqualInConstantTime(keyring_.Hash(Secret(text), kPageToken), claimed)) return bad;
  const std::optional<std::vector<std::string>> fields = Fields(text);
  if (!fields || fields->size() != 8) return bad;
  const std::optional<std::int64_t> until = Number((*fields)[2]);
  const std::optional<std::int64_t> user_id = Number((*fields)[4]);
  const std::optional<std::int64_t> line = Number((*fields)[6]);
  if (!until || !user_id || !line) return bad;
  return Signed{{(*fields)[0], (*fields)[1]},
                {MemberId((*fields)[3]), *user_id, (*fields)[5], LineId(*line), (*fields)[7],
                 FromUnixSeconds(*until)}};
}

Result<Visitor> Visits::Verify(std::string_view page_token, const PageName& page) const {
  Result<Signed> token = Open(page_token);
  if (!token) return Fail(std::move(token).error());
  if (token->page.page != page.page || token->page.application != page.application) {
    return Fail(ErrorCode::kUnauthenticated, "the token is of another page", "other_page");
  }
  if (clock_.Now() >= token->visitor.until) {
    return Fail(ErrorCode::kUnauthenticated, "the page was opened too long ago",
                "page_token_expired");
  }
  return std::move(token->visitor);
}

std::optional<MemberId> Visits::SignedFor(std::string_view page_token) const {
  Result<Signed> token = Open(page_token);
  if (!token) return std::nullopt;
  return std::move(token->visitor.member_id);
}

}  // namespace imrelay
