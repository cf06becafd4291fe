#include "tests/portal/life.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "tests/portal/open_lines.h"

namespace imrelay::stand_in {
namespace {

void DropConnectors(Cloud& cloud, Portal& portal, const std::string& client_id) {
  std::vector<std::string> theirs;
  for (const auto& [id, connector] : portal.connectors) {
    if (connector.client_id == client_id) theirs.push_back(id);
  }
  for (const std::string& id : theirs) DropConnector(cloud, portal, id, {});
}

void TellInstalled(Cloud& cloud, Portal& portal, Installation& installation) {
  cloud.Tell(portal, installation,
             {"ONAPPINSTALL",
              PhpValue::Map({{"VERSION", installation.version},
                             {"ACTIVE", "Y"},
                             {"INSTALLED", "Y"},
                             {"LANGUAGE_ID", portal.language}}),
              installation.user_id, true});
}

}  // namespace

Installation& Install(Cloud& cloud, Portal& portal, const NewInstallation& wanted) {
  const Application* application = cloud.FindApplication(wanted.client_id);
  const std::string client_id = application == nullptr ? wanted.client_id : application->client_id;
  if (portal.installations.erase(client_id) != 0) DropConnectors(cloud, portal, client_id);
  cloud.ledger.Revoke(portal.member_id, client_id);
  Installation& installation = cloud.InstallationOf(portal, client_id);
  if (!wanted.application_token.empty()) {
    installation.application_token = wanted.application_token;
  }
  if (!wanted.scope.empty()) installation.scope = wanted.scope;
  installation.handler = wanted.handler;
  installation.user_id = wanted.user_id;
  installation.installed = !wanted.with_page;
  if (!wanted.handler.empty()) {
    Binding binding;
    binding.id = portal.next_row++;
    binding.event = "ONAPPINSTALL";
    binding.handler = wanted.handler;
    installation.bindings.push_back(std::move(binding));
  }
  if (installation.installed) TellInstalled(cloud, portal, installation);
  return installation;
}

void FinishInstallation(Cloud& cloud, Portal& portal, Installation& installation) {
  if (installation.installed) return;
  installation.installed = true;
  TellInstalled(cloud, portal, installation);
}

void Update(Cloud& cloud, Portal& portal, Installation& installation, bool with_page,
            const std::string& application_token) {
  const int previous = installation.version++;
  if (!application_token.empty()) installation.application_token = application_token;
  cloud.Tell(portal, installation,
             {"ONAPPUPDATE",
              PhpValue::Map({{"VERSION", installation.version},
                             {"PREVIOUS_VERSION", previous},
                             {"LANGUAGE_ID", portal.language}}),
              installation.user_id, true});
  if (!with_page) return;
  installation.installed = false;
  installation.bindings.clear();
  installation.offline.clear();
  DropConnectors(cloud, portal, installation.client_id);
}

void Uninstall(Cloud& cloud, Portal& portal, Installation& installation, bool clean) {
  cloud.Tell(
      portal, installation,
      {"ONAPPUNINSTALL", PhpValue::Map({{"CLEAN", clean}, {"LANGUAGE_ID", portal.language}})});
  const std::string client_id = installation.client_id;
  DropConnectors(cloud, portal, client_id);
  portal.installations.erase(client_id);
}

void Rename(Portal& portal, const std::string& address) {
  std::erase(portal.former_addresses, address);
  portal.former_addresses.push_back(portal.address);
  portal.address = address;
}

PhpValue Open(Cloud& cloud, Portal& portal, Installation& installation, const Opening& opening) {
  TokenHolder holder;
  holder.member_id = portal.member_id;
  holder.client_id = installation.client_id;
  holder.user_id = opening.user_id;
  holder.admin = opening.admin;
  const TokenPair pair = cloud.Issue(std::move(holder));
  const std::string sid = RandomHex();
  cloud.opened[sid] = {portal.member_id, installation.client_id, opening.admin};
  PhpValue query = PhpValue::Map({{"DOMAIN", portal.address},
                                  {"PROTOCOL", "0"},
                                  {"LANG", opening.language},
                                  {"APP_SID", sid}});
  PhpValue body = PhpValue::Map({{"AUTH_ID", pair.access_token},
                                 {"AUTH_EXPIRES", "3600"},
                                 {"REFRESH_ID", pair.refresh_token}});
  if (opening.current_cloud) {
    body.Set("SERVER_ENDPOINT", cloud.ServerEndpoint());
    body.Set("APPLICATION_TOKEN", installation.application_token);
    body.Set("APPLICATION_SCOPE", installation.scope);
  }
  body.Set("member_id", portal.member_id);
  body.Set("status", "L");
  body.Set("PLACEMENT", opening.placement);
  if (!opening.options.empty()) body.Set("PLACEMENT_OPTIONS", opening.options);
  return PhpValue::Map({{"query", std::move(query)}, {"body", std::move(body)}});
}

std::string SettingOptions(const Portal& portal, const std::string& connector, std::int64_t line) {
  const auto found = portal.lines.find({connector, line});
  const LineState state = found == portal.lines.end() ? LineState() : found->second;
  return PhpValue::Map({{"CONNECTOR", connector},
                        {"LINE", std::to_string(line)},
                        {"STATUS", state.active && !state.error},
                        {"ACTIVE_STATUS", state.active},
                        {"CONNECTION_STATUS", state.active},
                        {"REGISTER_STATUS", state.active},
                        {"ERROR_STATUS", state.error},
                        {"URI", "/contact_center/connector/"}})
      .ToJson();
}

}  // namespace imrelay::stand_in
