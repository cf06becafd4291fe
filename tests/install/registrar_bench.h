#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "install/registrar.h"
#include "tests/fakes/forwarding_portal_store.h"
#include "tests/install/scripted_portal.h"
#include "tests/install/tokens_bench.h"

namespace imrelay {

inline constexpr const char* kUrl = "https://relay.example/bitrix24/event";
inline constexpr std::chrono::milliseconds kPatience{5000};

inline ConnectorSettings Settings() { return {"relay", "The relay", "", "https://relay.example"}; }

// A store that can be away when something is to be kept.
struct ReadOnlyStore : ForwardingPortalStore {
  using ForwardingPortalStore::ForwardingPortalStore;
  Status RecordRegistration(const PortalAccess& portal, const Registration& done, TimePoint now,
                            TimePoint next) override {
    if (full) return Fail(ErrorCode::kUnavailable, "the database is full");
    return ForwardingPortalStore::RecordRegistration(portal, done, now, next);
  }
  Status SetLine(PortalId id, const ConnectorId& connector, LineId line, bool active,
                 TimePoint now) override {
    if (full) return Fail(ErrorCode::kUnavailable, "the database is full");
    return ForwardingPortalStore::SetLine(id, connector, line, active, now);
  }
  bool full = false;
};

// A portal that installed us, and everything a registrar needs.
struct RegistrarBench : PortalBench {
  explicit RegistrarBench(ConnectorSettings settings = Settings())
      : registrar(api, disk, std::move(settings), path() + "-lock", clock) {
    InstallPortal();
    portal = Row();
  }

  std::vector<Step> Ensure() { return registrar.Ensure(portal, kPatience); }
  Registration Recorded() {
    const Result<Registration> found = portals.FindRegistration(portal.id);
    REQUIRE(found.has_value());
    return *found;
  }
  bool IsDueAt(TimePoint time) {
    const auto due = portals.DueForUpkeep(time, 10);
    REQUIRE(due.has_value());
    return !due->empty();
  }
  std::string Lines() { return Show("SELECT member_id, connector, line_id, status FROM lines"); }
  // Everything is bound, and to nothing else.
  void CheckAllBound(const std::string& url) {
    std::vector<std::string> bound;
    std::vector<std::string> wanted;
    for (const EventHandler& row : http.rows) bound.push_back(row.event + ' ' + row.url);
    for (const std::string_view event : kOnlineEvents) {
      wanted.push_back(std::string(event) + ' ' + url);
    }
    for (const std::string_view event : kOfflineEvents) wanted.push_back(std::string(event) + ' ');
    std::sort(bound.begin(), bound.end());
    std::sort(wanted.begin(), wanted.end());
    CHECK(bound == wanted);
  }

  ReadOnlyStore disk{portals};
  ScriptedPortal http;
  AuthorizationServer server{http, {"https://auth.example"}};
  Tokens tokens{portals,          keyring, server, {{"", {"our-id", Secret("our-secret")}}},
                path() + "-lock", clock};
  PortalCalls calls{http, clock};
  RateLimit rate_limit{path() + "-rate", {100, 1000}, clock};
  PortalApi api{tokens, calls, rate_limit, portals, clock};
  PortalAccess portal;
  Registrar registrar;
};

// What became of a step, in a word.
inline std::string WordOf(const std::vector<Step>& steps, const std::string& what) {
  const auto step =
      std::find_if(steps.begin(), steps.end(), [&](const Step& one) { return one.what == what; });
  if (step == steps.end()) return "no such step";
  return step->done ? "done" : step->word;
}

}  // namespace imrelay
