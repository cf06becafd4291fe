#include "tests/portal/control.h"

#include <cstdlib>
#include <map>

#include "tests/portal/authorization.h"
#include "tests/portal/life.h"
#include "tests/portal/methods.h"
#include "tests/portal/operator.h"
#include "tests/portal/parameters.h"

namespace imrelay::stand_in {
namespace {

// A control call about one portal.
struct Order {
  Cloud& cloud;
  Portal& portal;
  const Tree& values;

  std::string text(const char* name, std::string otherwise = {}) const {
    return Text(values, name, std::move(otherwise));
  }
  std::int64_t number(const char* name, std::int64_t otherwise) const {
    return Number(values, name, otherwise);
  }
  bool flag(const char* name, bool otherwise) const { return Flag(values, name, otherwise); }
  Actor actor() const { return {number("user_id", 27)}; }
  // Made when there is none.
  Installation& installation() const { return cloud.InstallationOf(portal, text("client_id")); }
  Installation* find_installation() const {
    return cloud.FindInstallation(portal, text("client_id"));
  }
};

Reply Issue(const Order& order) {
  TokenHolder holder;
  holder.member_id = order.portal.member_id;
  holder.client_id = order.text("client_id");
  holder.application_token = order.text("application_token");
  holder.scope = order.text("scope");
  holder.user_id = order.number("user_id", 1);
  holder.admin = order.flag("admin", true);
  const TokenPair pair = order.cloud.Issue(std::move(holder));
  PhpValue answer = Describe(order.cloud, order.portal, pair);
  answer.Set("domain", order.portal.address);
  answer.Set("application_token", pair.holder.application_token);
  return Reply{200, std::move(answer)};
}

Reply Expire(const Order& order) {
  order.cloud.ledger.ExpireAccess(order.portal.member_id);
  return {};
}

Reply Revoke(const Order& order) {
  order.cloud.ledger.Revoke(order.portal.member_id, order.text("client_id"));
  return {};
}

Reply Settle(const Order& order) {
  Portal& portal = order.portal;
  if (const Tree* features = order.values.Find("features")) {
    portal.features.clear();
    for (const auto& [key, feature] : features->items()) portal.features.insert(feature.text());
  }
  if (const Tree* editors = order.values.Find("connector_editors")) {
    portal.connector_editors.clear();
    for (const auto& [key, user] : editors->items()) {
      portal.connector_editors.insert(NumberOf(user.text()).value_or(0));
    }
  }
  if (const Tree* outsiders = order.values.Find("outsiders")) {
    portal.outsiders.clear();
    for (const auto& [key, user] : outsiders->items()) {
      portal.outsiders.insert(NumberOf(user.text()).value_or(0));
    }
  }
  portal.deleted = order.flag("deleted", portal.deleted);
  portal.license = order.text("license", portal.license);
  portal.language = order.text("language", portal.language);
  if (Installation* installation = order.find_installation()) {
    installation->installed = order.flag("installed", installation->installed);
    installation->payment_expired = order.flag("payment_expired", installation->payment_expired);
    installation->scope = order.text("scope", installation->scope);
  }
  return DescribePortal(order.cloud, portal.member_id);
}

Reply InstallThere(const Order& order) {
  NewInstallation wanted;
  wanted.client_id = order.text("client_id");
  wanted.handler = order.text("handler");
  wanted.application_token = order.text("application_token");
  wanted.scope = order.text("scope");
  wanted.user_id = order.number("user_id", 1);
  wanted.with_page = order.flag("with_page", false);
  const Installation& installation = Install(order.cloud, order.portal, wanted);
  return Reply{200, PhpValue::Map({{"application_token", installation.application_token}})};
}

Reply NotInstalled() {
  return Refuse(404, "not_installed", "The application is not installed there");
}

Reply Finish(const Order& order) {
  Installation* installation = order.find_installation();
  if (installation == nullptr) return NotInstalled();
  FinishInstallation(order.cloud, order.portal, *installation);
  return {};
}

Reply UpdateThere(const Order& order) {
  Installation* installation = order.find_installation();
  if (installation == nullptr) return NotInstalled();
  const bool new_token = order.flag("new_application_token", false);
  Update(order.cloud, order.portal, *installation, order.flag("with_page", false),
         new_token ? RandomHex() : order.text("application_token"));
  return Reply{200, PhpValue::Map({{"application_token", installation->application_token}})};
}

Reply UninstallThere(const Order& order) {
  Installation* installation = order.find_installation();
  if (installation == nullptr) return NotInstalled();
  Uninstall(order.cloud, order.portal, *installation, order.flag("clean", false));
  return {};
}

// "localhost" stands for localhost:PORT.
Reply RenamePortal(const Order& order) {
  std::string address = order.text("address");
  if (address.empty()) return Refuse(400, "wrong_value", "address is missing");
  if (address.find(':') == address.npos) {
    address += order.cloud.portal_address.substr(order.cloud.portal_address.find(':'));
  }
  Rename(order.portal, address);
  return {};
}

// Binds, or registers and activates a connector, without a token: as an administrator's REST call.
Reply CallAsAdmin(const Order& order, Method method, const Tree& parameters) {
  Installation& installation = order.installation();
  Caller caller{order.cloud,          order.portal, installation,
                installation.user_id, true,         installation.scope};
  return method(caller, parameters);
}

Reply Bind(const Order& order) {
  Tree parameters = order.values;
  if (order.flag("offline", false)) parameters.Set("event_type", Tree("offline"));
  return CallAsAdmin(order, EventBind, parameters);
}

Reply ConnectorThere(const Order& order) {
  Tree icon;
  icon.Set("DATA_IMAGE", Tree("data:image/svg+xml,"));
  Tree registration = order.values;
  registration.Set("ID", Tree(order.text("connector")));
  registration.Set("NAME", Tree(order.text("connector")));
  registration.Set("ICON", icon);
  registration.Set("PLACEMENT_HANDLER", Tree("https://connector.example/settings"));
  Reply reply = CallAsAdmin(order, ConnectorRegister, registration);
  if (reply.status != 200) return reply;
  Tree activation;
  activation.Set("CONNECTOR", Tree(order.text("connector")));
  activation.Set("LINE", Tree(order.text("line")));
  activation.Set("ACTIVE", Tree("1"));
  return CallAsAdmin(order, ConnectorActivate, activation);
}

Reply Send(const Order& order) {
  NewMessage message;
  message.connector = order.text("connector");
  message.line = order.number("line", 0);
  message.chat = order.text("chat", "channel-123");
  message.text = order.text("text");
  message.user_id = order.number("user_id", 27);
  if (const Tree* files = order.values.Find("files")) message.files = PhpValue::Of(*files);
  return OperatorSends(order.cloud, order.portal, message);
}

Reply Traffic(const Order& order) {
  NewMessage message;
  message.connector = order.text("connector");
  message.line = order.number("line", 0);
  message.text = "Message";
  for (std::int64_t i = 0; i < order.number("messages", 0); ++i) {
    message.chat = "channel-" + std::to_string(i % order.number("chats", 1));
    const Reply sent = OperatorSends(order.cloud, order.portal, message);
    if (sent.status != 200) return sent;
  }
  return OperatorsSettle(order.cloud, order.portal, std::atof(order.text("edits", "0").c_str()),
                         std::atof(order.text("deletions", "0").c_str()));
}

Reply Edit(const Order& order) {
  return OperatorEdits(order.cloud, order.portal, order.number("message_id", 0), order.text("text"),
                       order.actor());
}

Reply Delete(const Order& order) {
  return OperatorDeletes(order.cloud, order.portal, order.number("message_id", 0), order.actor(),
                         order.flag("completely", false));
}

// As imconnector.send.status.delivery of one message.
Reply ConfirmThere(const Order& order) {
  const auto found = order.portal.messages.find(order.number("message_id", 0));
  if (found == order.portal.messages.end()) return Refuse(404, "no_message", "No such message");
  std::vector<std::string> ids;
  if (const Tree* given = order.values.Find("ids")) {
    for (const auto& [key, id] : given->items()) ids.push_back(id.text());
  }
  Confirm(found->second, ids);
  return {};
}

Reply FinishDialog(const Order& order) {
  Chat* chat = FindChat(order.portal, ToLower(order.text("connector")), order.number("line", 0),
                        order.text("chat", "channel-123"));
  if (chat == nullptr) return Refuse(404, "no_chat", "There is no such chat");
  FinishChat(order.cloud, order.portal, *chat, {order.number("user_id", 0)});
  return {};
}

Reply Disconnect(const Order& order) {
  SwitchOff(order.cloud, order.portal, order.text("connector"), order.number("line", 0),
            order.actor());
  return {};
}

Reply RemoveLine(const Order& order) {
  DeleteLine(order.cloud, order.portal, order.number("line", 0), order.actor());
  return {};
}

Reply Placement(const Order& order) {
  Opening opening;
  opening.user_id = order.number("user_id", 1);
  opening.admin = order.flag("admin", true);
  opening.language = order.text("language", order.portal.language);
  opening.placement = order.text("placement", "DEFAULT");
  opening.current_cloud = order.flag("current_cloud", true);
  opening.options = order.text("options");
  if (opening.placement == "SETTING_CONNECTOR" && opening.options.empty()) {
    opening.options =
        SettingOptions(order.portal, order.text("connector"), order.number("line", 0));
  }
  return Reply{200, Open(order.cloud, order.portal, order.installation(), opening)};
}

using Act = Reply (*)(const Order&);

const std::map<std::string, Act>& Acts() {
  static const std::map<std::string, Act> kActs = {
      {"issue", Issue},
      {"expire", Expire},
      {"revoke", Revoke},
      {"portal", Settle},
      {"install", InstallThere},
      {"finish", Finish},
      {"update", UpdateThere},
      {"uninstall", UninstallThere},
      {"rename", RenamePortal},
      {"bind", Bind},
      {"connector", ConnectorThere},
      {"send", Send},
      {"traffic", Traffic},
      {"edit", Edit},
      {"delete", Delete},
      {"confirm", ConfirmThere},
      {"finish-dialog", FinishDialog},
      {"disconnect", Disconnect},
      {"delete-line", RemoveLine},
      {"placement", Placement},
  };
  return kActs;
}

Reply PlanFault(Cloud& cloud, const Tree& values) {
  PlannedFault fault;
  fault.endpoint = Text(values, "endpoint");
  fault.mode = Text(values, "mode");
  fault.member_id = Text(values, "member_id");
  fault.count = static_cast<int>(Number(values, "count", 1));
  fault.skip = static_cast<int>(Number(values, "skip", 0));
  fault.share = std::atof(Text(values, "share", "0").c_str());
  fault.status = static_cast<int>(Number(values, "status", 200));
  fault.error = Text(values, "error");
  fault.description = Text(values, "description");
  fault.location = Text(values, "location");
  fault.delay_ms = static_cast<int>(Number(values, "delay_ms", 0));
  fault.reset_after = static_cast<int>(Number(values, "reset_after", 60));
  fault.retry_after = static_cast<int>(Number(values, "retry_after", 0));
  if (fault.endpoint.empty() || !cloud.faults.Plan(std::move(fault))) {
    return Refuse(400, "wrong_value", "endpoint is missing, or mode is none");
  }
  return {};
}

Reply AddApplication(Cloud& cloud, const Tree& values) {
  const Application application{Text(values, "name"), Text(values, "client_id"),
                                Text(values, "client_secret")};
  if (application.client_id.empty()) return Refuse(400, "wrong_value", "client_id is missing");
  for (Application& known : cloud.applications) {
    if (known.client_id == application.client_id) {
      known = application;
      return {};
    }
  }
  cloud.applications.push_back(application);
  return {};
}

Reply SetUp(Cloud& cloud, const Tree& values) {
  cloud.ledger.former_access_lives =
      Flag(values, "former_access_lives", cloud.ledger.former_access_lives);
  cloud.nested_failures = Flag(values, "nested_failures", cloud.nested_failures);
  if (const Tree* limit = values.Find("limit")) {
    cloud.limit.per_second = std::atof(Text(*limit, "per_second", "0").c_str());
    cloud.limit.burst = static_cast<int>(Number(*limit, "burst", 50));
  }
  return {};
}

}  // namespace

Reply Control(Cloud& cloud, const std::string& name, const Tree& values) {
  if (name == "fault") return PlanFault(cloud, values);
  if (name == "application") return AddApplication(cloud, values);
  if (name == "setting") return SetUp(cloud, values);
  if (name == "reach") {
    cloud.sender.Reach(Text(values, "prefix"), Text(values, "base"));
    return {};
  }
  const auto act = Acts().find(name);
  if (act == Acts().end()) return Refuse(404, "no_control", "There is no such control");
  const std::string member_id = Text(values, "member_id");
  if (member_id.empty()) return Refuse(400, "wrong_value", "member_id is missing");
  const std::string client_id = Text(values, "client_id");
  if (!client_id.empty() && cloud.FindApplication(client_id) == nullptr) {
    return Refuse(404, "no_application", "There is no such application");
  }
  return act->second({cloud, cloud.PortalOf(member_id), values});
}

}  // namespace imrelay::stand_in
