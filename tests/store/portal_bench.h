#pragma once

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "store/portal_store.h"
#include "tests/store/store_bench.h"

namespace imrelay {

// A store as calls to portals see it.
struct PortalBench : StoreBench {
  PortalStore& portals() { return static_cast<SqliteStore&>(store()); }
  PortalAccess Access(const std::string& member_id = "m1") {
    const Result<std::optional<PortalAccess>> access = portals().FindAccess(MemberId(member_id));
    REQUIRE(access.has_value());
    REQUIRE(access->has_value());
    return **access;
  }
  std::string Due() {
    const Result<std::vector<PortalAccess>> due = portals().DueForUpkeep(clock.Now(), 2);
    REQUIRE(due.has_value());
    std::string names;
    for (const PortalAccess& portal : *due) names += portal.member_id.value() + ' ';
    return names;
  }
  bool Replace(const PortalAccess& portal, std::int64_t chain, const char* letter) {
    ProvenInstallation granted;
    granted.client_endpoint = "https://renamed.example/rest/";
    granted.domain = "renamed.example";
    granted.scope = "imopenlines";
    granted.sealed_access_token = std::string("access ") + letter;
    granted.sealed_refresh_token = std::string("refresh ") + letter;
    granted.token_expires_at = clock.Now() + std::chrono::hours(1);
    granted.server_endpoint = "https://auth.example";
    const Result<bool> replaced = portals().ReplaceTokens(portal.id, chain, granted, clock.Now());
    REQUIRE(replaced.has_value());
    return *replaced;
  }
  // Changes what AddInstallation wrote of the only installation.
  void SetInstallation(const std::string& columns) {
    REQUIRE(RawDatabase(path()).Execute("UPDATE installation SET " + columns));
  }
  EventId AddedEvent(const InstallationRequest& request) {
    const Result<Committed> added = Add(request);
    REQUIRE(added.has_value());
    return added->event;
  }
  InstallationState StateOf(EventId event) {
    const Result<InstallationState> state = portals().FindInstallationState(event);
    REQUIRE(state.has_value());
    return *state;
  }
};

}  // namespace imrelay
