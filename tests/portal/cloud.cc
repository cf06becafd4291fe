#include "tests/portal/cloud.h"

#include <algorithm>
#include <utility>

#include "tests/portal/offline_queue.h"

namespace imrelay::stand_in {

std::int64_t UnixNow() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

Portal& Cloud::PortalOf(const std::string& member_id) {
  Portal& portal = portals[member_id];
  if (portal.member_id.empty()) {
    portal.member_id = member_id;
    portal.address = portal_address;
  }
  return portal;
}

Portal* Cloud::FindPortal(const std::string& member_id) {
  const auto found = portals.find(member_id);
  return found == portals.end() ? nullptr : &found->second;
}

const Application* Cloud::FindApplication(std::string_view client_id) const {
  if (client_id.empty()) return &applications.front();
  for (const Application& application : applications) {
    if (application.client_id == client_id) return &application;
  }
  return nullptr;
}

Installation& Cloud::InstallationOf(Portal& portal, const std::string& client_id) {
  const std::string id = client_id.empty() ? applications.front().client_id : client_id;
  Installation& installation = portal.installations[id];
  if (installation.client_id.empty()) {
    installation.client_id = id;
    installation.application_token = RandomHex();
    installation.scope = default_scope;
  }
  return installation;
}

Installation* Cloud::FindInstallation(Portal& portal, const std::string& client_id) {
  const std::string id = client_id.empty() ? applications.front().client_id : client_id;
  const auto found = portal.installations.find(id);
  return found == portal.installations.end() ? nullptr : &found->second;
}

TokenPair Cloud::Issue(TokenHolder holder) {
  Installation& installation = InstallationOf(PortalOf(holder.member_id), holder.client_id);
  if (!holder.application_token.empty()) {
    installation.application_token = holder.application_token;
  }
  if (!holder.scope.empty()) installation.scope = holder.scope;
  holder.client_id = installation.client_id;
  holder.application_token = installation.application_token;
  holder.scope = installation.scope;
  return ledger.Issue(std::move(holder));
}

std::string Cloud::ClientEndpoint(const Portal& portal) const {
  return "http://" + portal.address + "/rest/";
}

PhpValue Cloud::Auth(Portal& portal, Installation& installation, const Happening& happening,
                     std::int64_t user_id) {
  PhpValue auth = PhpValue::Map();
  TokenPair pair;
  if (user_id != 0) {
    TokenHolder holder;
    holder.member_id = portal.member_id;
    holder.client_id = installation.client_id;
    holder.user_id = user_id;
    holder.admin = user_id == installation.user_id;
    pair = Issue(std::move(holder));
    auth.Set("access_token", pair.access_token);
    auth.Set("expires", pair.expires);
    auth.Set("expires_in", 3600);
    auth.Set("scope", installation.scope);
  }
  auth.Set("domain", portal.address);
  auth.Set("server_endpoint", ServerEndpoint());
  if (user_id != 0) auth.Set("status", "L");
  auth.Set("client_endpoint", ClientEndpoint(portal));
  auth.Set("member_id", portal.member_id);
  if (user_id != 0) {
    if (happening.with_refresh_token) auth.Set("refresh_token", pair.refresh_token);
    auth.Set("user_id", user_id);
  }
  auth.Set("application_token", installation.application_token);
  return auth;
}

void Cloud::Post(Portal& portal, Installation& installation, const Happening& happening,
                 const Binding& binding) {
  const std::int64_t user_id =
      binding.user_id != 0 && happening.user_id != 0 ? binding.user_id : happening.user_id;
  PhpValue body = PhpValue::Map({{"event", happening.event},
                                 {"event_handler_id", binding.id},
                                 {"data", happening.data},
                                 {"ts", UnixNow()}});
  body.Set("auth", Auth(portal, installation, happening, user_id));
  EventPost post{happening.event, portal.member_id, binding.handler, body.BuildQuery()};
  const std::optional<PlannedFault> fault =
      faults.Take({happening.event, "event"}, portal.member_id);
  if (!fault) return sender.Send(std::move(post));
  if (fault->mode == "lose") return;
  if (fault->mode == "hold") return sender.Hold(std::move(post));
  post.delay = std::chrono::milliseconds(fault->delay_ms);
  if (fault->mode == "double") sender.Send(post);
  sender.Send(std::move(post));
}

void Cloud::Tell(Portal& portal, Installation& installation, const Happening& happening) {
  if (!installation.installed || installation.payment_expired || portal.deleted) return;
  for (const Binding& binding : installation.bindings) {
    if (binding.event != happening.event) continue;
    if (binding.offline) {
      Queue(portal, installation, happening, binding);
    } else {
      Post(portal, installation, happening, binding);
    }
  }
}

void Cloud::Queue(Portal& portal, Installation& installation, const Happening& happening,
                  const Binding& binding) {
  const bool own_call = happening.caused_by == installation.client_id;
  if (own_call && binding.auth_connector.empty()) return;
  AddToOfflineQueue(portal, installation, happening.event, happening.data, happening.user_id,
                    binding.auth_connector);
  TellOfQueue(portal, installation, happening.user_id);
}

// A signal only, and lossy: no more than one in a binding's minTimeout.
void Cloud::TellOfQueue(Portal& portal, Installation& installation, std::int64_t user_id) {
  const auto now = std::chrono::steady_clock::now();
  for (const Binding& binding : installation.bindings) {
    if (binding.event != "ONOFFLINEEVENT" || binding.offline) continue;
    if (installation.offline_told_at &&
        now - *installation.offline_told_at < std::chrono::seconds(binding.min_timeout)) {
      continue;
    }
    Post(portal, installation, {"ONOFFLINEEVENT", PhpValue(), user_id, true}, binding);
  }
  installation.offline_told_at = now;
}

}  // namespace imrelay::stand_in
